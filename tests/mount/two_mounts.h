// TwoMounts: one volume in a MemoryStore, mounted twice through the real /dev/fuse.
//
// The test's own threads are the programs; each mount's workers are threads of this process, too.
// A /dev/fuse that is missing fails the tests: a mount that cannot be tried must never look green.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/memory_store.h"
#include "fusefs/kernel/session.h"
#include "fusefs/volume/flusher.h"
#include "fusefs/volume/follower.h"
#include "fusefs/volume/volume.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {

// One view on one store; declaration order is the order of birth, and of death reversed.
class Mount {
 public:
  Mount(Store& store, const Clock& clock, const fusefs::View& view = {},
        std::chrono::milliseconds stuck_after = kStuckAfter);

  const std::string& path() const { return directory_.path(); }
  std::string at(std::string_view name) const { return path() + "/" + std::string(name); }
  fusefs::MountedVolume& volume() { return *volume_; }
  fusefs::KernelSession& session() { return *session_; }
  // What any change up to `seq` did is visible.
  bool reach(Seq seq);
  fusefs::Activity activity() const { return session_->activity(); }
  // What the kernel has not taken yet.
  std::vector<fusefs::Notice> waiting() const { return notifier_.pending(); }
  void stop() { session_->stop(); }

 private:
  TempDirectory directory_;
  fusefs::KernelNotifier notifier_;
  fusefs::RequestNumbers numbers_;
  std::unique_ptr<fusefs::MountedVolume> volume_;
  std::unique_ptr<fusefs::Follower> follower_;
  std::unique_ptr<fusefs::Flusher> flusher_;
  std::unique_ptr<fusefs::KernelSession> session_;
};

class TwoMounts : public ::testing::Test {
 protected:
  explicit TwoMounts(const VolumeSettings& settings = {});

  Mount& a() { return *a_; }
  Mount& b() { return *b_; }
  // Both mounts have reached the volume's head.
  void meet();
  Seq head();

  SystemClock clock_;
  MemoryStore store_{clock_};
  VolumeId volume_;
  std::unique_ptr<Mount> a_;
  std::unique_ptr<Mount> b_;
};

inline constexpr std::string_view kVolumeName = "acme/memory";

// With room for names whatever the suite runs with: for what is about what a mount remembers.
fusefs::View roomy(fusefs::View view = {});

// Whole files by plain system calls; a failure fails the test and says errno.
void put(const std::string& path, std::string_view bytes, int flags = 0);
std::string get(const std::string& path);
std::string get_all(int fd);
// The names in a directory, each with the bytes of its file.
std::map<std::string, std::string> listing(const std::string& directory);
bool there(const std::string& path);
// errno of opening it, 0 when that works.
int open_error(const std::string& path, int flags);

}  // namespace outboard::tests
