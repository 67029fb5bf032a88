// StoreSuite: what every Store must do, run against each of them.
//
// To have a store judged, write one file `NAME_test.cpp` in this folder:
//
//   class PgFixture final : public StoreFixture {
//     Store& store() override { return database_->store(); }
//     VolumeId make_volume(const VolumeSettings& settings) override { … a fresh, empty one … }
//     Call call() override { return internal_call(SystemClock().now() + kCallWait); }
//   };
//   INSTANTIATE_TEST_SUITE_P(Postgres, StoreSuite,
//       ::testing::Values(StoreMaker{"postgres", [] { return std::make_unique<PgFixture>(); }}),
//       store_name);
//
// and a line in CMakeLists.txt. A fixture is made for each test: keep what is costly (a database)
// for the program, and give each test a volume of its own.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/admin.h"
#include "core/path.h"
#include "core/store.h"

namespace outboard::tests {

// Far longer than any call takes: reaching it is a failure, not a wait.
inline constexpr std::chrono::seconds kCallWait{60};

inline ReadAt as_of(Seq seq) {
  ReadAt at;
  at.as_of = seq;
  return at;
}

// Somebody with grants of their own, and the store as it is theirs.
struct Guest {
  Store* store;  // the fixture's
  Call call;
};

class StoreFixture {
 public:
  virtual ~StoreFixture() = default;
  virtual Store& store() = 0;
  // A fresh, empty volume of its own.
  virtual VolumeId make_volume(const VolumeSettings& settings) = 0;
  // What a test's requests carry: all grants on all its volumes.
  virtual Call call() = 0;
  // Somebody in the same organisation with these grants. Good for the fixture's life.
  virtual Guest guest(std::vector<Grant> grants) = 0;
  // Forgets the log up to `upto` with the contents that only it shows; false: the store cannot yet.
  virtual bool forget(VolumeId, Seq) { return false; }
};

struct StoreMaker {
  std::string name;
  std::function<std::unique_ptr<StoreFixture>()> make;
  friend std::ostream& operator<<(std::ostream& out, const StoreMaker& maker) {
    return out << maker.name;
  }
};

inline std::string store_name(const ::testing::TestParamInfo<StoreMaker>& info) {
  return info.param.name;
}

class StoreSuite : public ::testing::TestWithParam<StoreMaker> {
 protected:
  StoreSuite() : fixture_(GetParam().make()), volume_(fixture_->make_volume({})) {}

  Store& store() { return fixture_->store(); }
  Call call() { return fixture_->call(); }
  // A volume under another policy or quota; it becomes the test's own.
  void use_volume(const VolumeSettings& settings) { volume_ = fixture_->make_volume(settings); }
  void use_policy(Policy policy);

  // One batch without a request id.
  Result<Applied> apply(std::vector<Step> steps);
  Result<Applied> apply(Op op, Precondition when = {});
  // The outcome of one op that must succeed.
  Outcome done(Op op, Precondition when = {});
  // The refusal of one op that must fail; `ok` in words when it did not.
  Code refused(Op op, Precondition when = {});

  // By path, the short way: all must succeed.
  Node put(const std::string& path, std::string bytes);
  Node mkdir(const std::string& path);
  // The whole content of a file, made from version `base` of it.
  Outcome publish(const std::string& path, Version base, std::string bytes);
  // The file's whole current content, or the code's name in brackets.
  std::string content(const std::string& path);
  // Of one version, in as many reads as it takes.
  std::string content(Inode inode, Version version);
  // `/a/b` → the node there. Code::not_found and the like otherwise.
  Result<Node> node(const std::string& path);
  bool there(const std::string& path) { return bool(node(path)); }
  std::vector<std::string> names(const std::string& directory);
  Seq head();
  std::vector<Change> log();

  static NameRef at(const std::string& path);
  static Rename move(const std::string& from, const std::string& to) {
    return Rename{at(from), at(to), RenameMode::replace, {}};
  }

  std::unique_ptr<StoreFixture> fixture_;
  VolumeId volume_;
};

// "abcabc…" of `size` bytes, different for each seed.
std::string pattern(std::size_t size, unsigned seed = 0);

}  // namespace outboard::tests
