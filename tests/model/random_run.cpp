#include "tests/model/random_run.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>

#include "core/limits.h"
#include "core/path.h"
#include "tests/model/reference_tree.h"

namespace outboard::tests {
namespace {

class RandomRun {
 public:
  RandomRun(Store& store, const Call& call, VolumeId volume, std::uint64_t seed)
      : store_(store), call_(call), volume_(volume), random_(seed) {}

  // One operation on both; what it was, and both answers.
  void step() {
    const std::string one = path();
    const std::string other = path();
    switch (pick(13)) {
      case 0: return both(CreateFile{at(one)}, tree_.create(one), "create " + one);
      case 1:
      case 2: return both(MakeDirectory{at(one)}, tree_.mkdir(one), "mkdir " + one);
      case 3: return both(MakeSymlink{at(one), other}, tree_.symlink(one, other), "symlink " + one);
      case 4:
        return both(MakeLink{NodeRef{one}, at(other)}, tree_.link(one, other),
                    "link " + one + " " + other);
      case 5: return both(Unlink{at(one)}, tree_.unlink(one), "unlink " + one);
      case 6: return remove(one, pick(4) == 0);
      case 7:
        return both(Rename{at(one), at(other), RenameMode::replace, {}}, tree_.rename(one, other),
                    "rename " + one + " " + other);
      case 8:
        return both(Rename{at(one), at(other), RenameMode::exchange, {}},
                    tree_.exchange(one, other), "exchange " + one + " " + other);
      case 9: return write(one, size(), bytes());
      case 10: return truncate(one, size());
      case 11: return append(one, bytes());
      default: return publish(one, bytes());
    }
  }

  void compare() {
    std::map<std::string, std::string> found;
    show("/", found);
    const auto expected = tree_.shown();
    for (const auto& [path, text] : expected) {
      EXPECT_TRUE(found.contains(path)) << path << " is missing after " << last_;
      EXPECT_TRUE(found[path] == text) << path << " differs after " << last_;
    }
    EXPECT_EQ(found.size(), expected.size()) << "after " << last_;
  }
  const std::string& last() const { return last_; }

 private:
  std::uint64_t pick(std::uint64_t below) { return random_() % below; }
  static NameRef at(const std::string& path) {
    const auto [parent, name] = split_last(path);
    return NameRef{std::string(parent), std::string(name)};
  }
  // Few names and few levels, so that operations meet.
  std::string path() {
    std::string made;
    const std::uint64_t depth = 1 + pick(3);
    for (std::uint64_t i = 0; i < depth; ++i) {
      made += '/';
      made += static_cast<char>('a' + pick(4));
    }
    return made;
  }
  // Mostly small, sometimes around and over the border to chunks.
  std::size_t size() { return pick(4) > 0 ? pick(200) : pick(3 * kChunkBytes); }
  std::string bytes() { return std::string(size(), static_cast<char>('A' + pick(26))); }

  void remove(const std::string& path, bool recursive) {
    both(RemoveDirectory{at(path), recursive}, tree_.rmdir(path, recursive), "rmdir " + path);
  }
  void write(const std::string& path, std::size_t offset, const std::string& bytes) {
    Write op;
    op.node = NodeRef{path};
    op.extents.push_back(Extent{offset, bytes});
    const std::string what = "write " + path + " " + std::to_string(offset);
    if (bytes.empty()) return;  // one that changes nothing says nothing of offsets
    both(op, tree_.write(path, offset, bytes), what);
  }
  void truncate(const std::string& path, std::size_t size) {
    both(Truncate{NodeRef{path}, size}, tree_.truncate(path, size), "truncate " + path);
  }
  void append(const std::string& path, const std::string& bytes) {
    both(Append{NodeRef{path}, bytes}, tree_.append(path, bytes), "append " + path);
  }
  void publish(const std::string& path, const std::string& bytes) {
    Publish op;
    op.at = at(path);
    op.bytes = bytes;
    both(op, tree_.publish(path, bytes), "publish " + path);
  }

  void both(Op op, ReferenceTree::Answer expected, std::string what) {
    last_ = std::move(what);
    Batch batch;
    batch.steps.push_back(Step{std::move(op), {}});
    const auto applied = store_.apply(call_, volume_, batch);
    const std::string wanted(expected ? name_of(*expected) : "done");
    EXPECT_EQ(applied ? "done" : name_of(applied.error().code), wanted) << last_;
  }

  void show(const std::string& directory, std::map<std::string, std::string>& found) {
    const auto page = store_.list(call_, volume_, NodeRef{directory}, "", kPageEntriesMax);
    ASSERT_TRUE(page) << directory << ": " << page.error().message;
    std::uint32_t directories = 0;
    for (const Entry& entry : page->value.entries) {
      const std::string path = join(directory, entry.dentry.name);
      if (entry.node.is(Kind::directory)) {
        ++directories;
        found[path] = "d";
        show(path, found);
      } else if (entry.node.is(Kind::symlink)) {
        found[path] = "l " + entry.node.target;
      } else {
        found[path] =
            "f " + std::to_string(entry.node.attributes.links) + " " + content(entry.node);
      }
    }
    const auto node = store_.attributes(call_, volume_, NodeRef{directory});
    ASSERT_TRUE(node);
    EXPECT_EQ(node->value.attributes.links, 2 + directories) << directory << " after " << last_;
  }

  std::string content(const Node& node) {
    std::string bytes;
    while (bytes.size() < node.attributes.size) {
      const auto part =
          store_.read(call_, volume_, node.inode, node.version, bytes.size(), kPartBytes);
      if (!part || part->value.bytes.empty()) return "[unreadable]";
      bytes += part->value.bytes;
    }
    return bytes;
  }

  Store& store_;
  const Call& call_;
  const VolumeId volume_;
  std::mt19937_64 random_;
  ReferenceTree tree_;
  std::string last_;
};

}  // namespace

std::uint64_t model_seed() {
  const char* given = std::getenv("OUTBOARD_SEED");
  const std::uint64_t seed =
      given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::cout << "repeat with OUTBOARD_SEED=" << seed << std::endl;
  return seed;
}

void compare_with_reference(Store& store, const Call& call, VolumeId volume, std::uint64_t seed,
                            int steps) {
  constexpr int kCompareEvery = 20;
  RandomRun run(store, call, volume, seed);
  for (int i = 1; i <= steps; ++i) {
    run.step();
    if (i % kCompareEvery == 0 || i == steps) run.compare();
    if (::testing::Test::HasFailure()) {
      FAIL() << "OUTBOARD_SEED=" << seed << ", step " << i << ": " << run.last();
    }
  }
}

}  // namespace outboard::tests
