// A kernel that does not forget what it is told to, played by one that is told nothing: in a view
// that lets it remember nothing, programs see what is there all the same. [S5]
#include <fcntl.h>
#include <unistd.h>

#include <filesystem>

#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

class Deaf final : public fusefs::Invalidator {
 public:
  void post(std::vector<fusefs::Notice> notices) override {
    for (fusefs::Notice& notice : notices) {
      if (notice.delivered) notice.delivered->store(true);
    }
  }
  bool flushed(Moment) override { return true; }
  bool has_room(Moment) override { return true; }
  bool forget_names() override { return false; }
};

class DeafMount {
 public:
  DeafMount(Store& store, const Clock& clock, bool read_only) : numbers_(ClientId{random_uuid()}) {
    fusefs::View view;
    view.read_only = read_only;
    view.kernel_forgets = false;
    volume_ = fusefs::MountedVolume::open(store, numbers_, deaf_, clock, kVolumeName, view, soon())
                  .value();
    follower_ = std::make_unique<fusefs::Follower>(store, *volume_, clock);
    fusefs::SessionConfig config;
    config.mountpoint = directory_.path();
    session_ = fusefs::KernelSession::start(config, *volume_, unused_).value();
  }

  std::string at(const std::string& name) const { return directory_.path() + "/" + name; }
  bool reach(Seq seq) { return volume_->wait_until(seq, soon()); }

 private:
  static Moment soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(10); }

  TempDirectory directory_;
  Deaf deaf_;
  fusefs::KernelNotifier unused_;
  fusefs::RequestNumbers numbers_;
  std::unique_ptr<fusefs::MountedVolume> volume_;
  std::unique_ptr<fusefs::Follower> follower_;
  std::unique_ptr<fusefs::KernelSession> session_;
};

class ForgetfulTest : public TwoMounts, public testing::WithParamInterface<bool> {};

TEST_P(ForgetfulTest, S5_WhatIsThereIsSeenThoughTheKernelIsToldNothing) {
  DeafMount mount(store_, clock_, GetParam());
  const std::string file = mount.at("f");
  for (int round = 0; round < 20; ++round) {
    const std::string bytes = "round " + std::to_string(round);
    put(a().at("f"), bytes, O_TRUNC);
    ASSERT_TRUE(mount.reach(head()));
    ASSERT_EQ(get(file), bytes);
    const int before = open(file.c_str(), O_RDONLY | O_CLOEXEC);
    const std::string name = "n" + std::to_string(round);
    ASSERT_FALSE(there(mount.at(name)));
    put(a().at(name), "made");
    put(a().at("f"), bytes + ", and longer", O_TRUNC);
    ASSERT_TRUE(mount.reach(head()));
    ASSERT_EQ(get(file), bytes + ", and longer");
    ASSERT_EQ(get_all(before), bytes);
    close(before);
    ASSERT_EQ(get(mount.at(name)), "made");
    std::filesystem::remove(a().at(name));
    ASSERT_TRUE(mount.reach(head()));
    ASSERT_FALSE(there(mount.at(name)));
    ASSERT_EQ(listing(mount.at("")).size(), 1U);
  }
}

INSTANTIATE_TEST_SUITE_P(Views, ForgetfulTest, testing::Bool(),
                         [](const auto& one) { return one.param ? "ReadOnly" : "Writable"; });

}  // namespace
}  // namespace outboard::tests
