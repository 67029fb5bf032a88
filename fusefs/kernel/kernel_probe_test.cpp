#include "fusefs/kernel/kernel_probe.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace outboard::fusefs {
namespace {

// In a process of its own, as the mounter has it.
KernelVerdict probed(const std::string& place,
                     const std::function<void(fuse_session*)>& drop = drop_names) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(static_cast<int>(probe_kernel(place, drop)));
  int how = 0;
  EXPECT_EQ(::waitpid(child, &how, 0), child);
  EXPECT_TRUE(WIFEXITED(how));
  return static_cast<KernelVerdict>(WEXITSTATUS(how));
}

class KernelProbeTest : public ::testing::Test {
 protected:
  KernelProbeTest() { place_ = ::mkdtemp(pattern_.data()); }
  ~KernelProbeTest() override { std::filesystem::remove_all(place_); }

  std::string pattern_ = "/tmp/outboard-probe-XXXXXX";
  std::string place_;
};

TEST_F(KernelProbeTest, S5_ThisKernelForgetsWhatItIsToldTo) {
  EXPECT_EQ(probed(place_), KernelVerdict::forgets);
  EXPECT_EQ(probed(place_), KernelVerdict::forgets) << "it leaves nothing behind";
}

TEST_F(KernelProbeTest, S5_AKernelThatRemembersIsFound) {
  EXPECT_EQ(probed(place_, [](fuse_session*) {}), KernelVerdict::remembers);
}

TEST_F(KernelProbeTest, NobodyElseSeesIt) {
  std::ofstream(place_ + "/own") << "x";
  bool seen = false;
  EXPECT_EQ(probed(place_,
                   [&](fuse_session* session) {
                     drop_names(session);
                     const std::string ours = "/proc/" + std::to_string(::getppid()) + "/mountinfo";
                     std::ifstream mounts(ours);
                     for (std::string line; std::getline(mounts, line);) {
                       if (line.find(place_) != std::string::npos) seen = true;
                     }
                     if (seen) ::_exit(77);
                   }),
            KernelVerdict::forgets);
  EXPECT_TRUE(std::filesystem::exists(place_ + "/own"));
}

TEST_F(KernelProbeTest, WhatCannotBeTriedIsNoVerdict) {
  EXPECT_EQ(probed(place_ + "/none"), KernelVerdict::untried);
}

}  // namespace
}  // namespace outboard::fusefs
