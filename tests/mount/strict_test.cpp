// Strict volumes through two mounts: nobody waits for the news, and nobody reads anything older.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <thread>

#include "core/limits.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

VolumeSettings strict() {
  VolumeSettings settings;
  settings.strict = true;
  return settings;
}

class StrictMounts : public TwoMounts {
 protected:
  StrictMounts() : TwoMounts(strict()) {}
};

// [S7] close() in one, open() in the other, with nothing between.
TEST_F(StrictMounts, WhatCloseHasReturnedForEveryOpenSees) {
  for (int round = 0; round < 200; ++round) {
    const std::string bytes = "round " + std::to_string(round);
    put(a().at("f"), bytes, O_TRUNC);
    ASSERT_EQ(get(b().at("f")), bytes);
    put(b().at("f"), bytes + " back", O_TRUNC);
    ASSERT_EQ(get(a().at("f")), bytes + " back");
  }
}

// [S7] A reader is not refused when its file is replaced between LOOKUP and OPEN, as often as that
// may be: to a program that would be ESTALE. A writer is, for what it would write upon.
TEST_F(StrictMounts, WhatIsReplacedWhileItIsOpenedIsReadWhole) {
  put(a().at("f"), "one");
  fusefs::MountedVolume& volume = b().volume();
  const fusefs::NodeId id = volume.lookup(fusefs::kRootId, "f")->id;
  put(a().at("f"), "three", O_TRUNC);
  fusefs::OpenMode mode;
  mode.read = true;
  const auto opened = volume.open_file(id, mode);
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(volume.read(id, 0, 100).value(), "one");
  mode.write = true;
  const auto refused = volume.open_file(id, mode);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::conflict);
  volume.release(opened->handle);
  volume.forget(id, 1);
  EXPECT_EQ(get(b().at("f")), "three");
}

// [S7] Names, too: made, appended to, renamed, removed.
TEST_F(StrictMounts, NamesAreThereAndGoneAtOnce) {
  for (int round = 0; round < 50; ++round) {
    const std::string name = "n" + std::to_string(round);
    ASSERT_FALSE(there(b().at(name)));  // an absence that must not be remembered
    put(a().at(name), "one\n");
    ASSERT_EQ(get(b().at(name)), "one\n");
    put(a().at(name), "two\n", O_APPEND);
    ASSERT_EQ(get(b().at(name)), "one\ntwo\n");
    ASSERT_EQ(rename(a().at(name).c_str(), a().at("moved").c_str()), 0);
    ASSERT_FALSE(there(b().at(name)));
    ASSERT_EQ(get(b().at("moved")), "one\ntwo\n");
    ASSERT_EQ(unlink(b().at("moved").c_str()), 0);
    ASSERT_EQ(open_error(a().at("moved"), O_RDONLY), ENOENT);
    ASSERT_TRUE(std::filesystem::is_empty(a().path()));
  }
}

// [S7] Two mounts that make names in one directory do not wait for each other.
TEST_F(StrictMounts, CreatingInOneDirectoryTakesNoLease) {
  const auto begun = std::chrono::steady_clock::now();
  std::thread other([&] {
    for (int i = 0; i < 20; ++i) put(b().at("b" + std::to_string(i)), "b");
  });
  for (int i = 0; i < 20; ++i) put(a().at("a" + std::to_string(i)), "a");
  other.join();
  EXPECT_LT(std::chrono::steady_clock::now() - begun, kStrictLease);
}

}  // namespace
}  // namespace outboard::tests
