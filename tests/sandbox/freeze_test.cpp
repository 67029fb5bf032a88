#include <algorithm>
#include <cstdio>
#include <fstream>
#include <vector>

#include "tests/sandbox/sandbox_fixture.h"

namespace outboard::harness {
namespace {

class FreezeTest : public SandboxTest, public ::testing::WithParamInterface<FreezeBy> {
 protected:
  void SetUp() override {
    provider_ = open_provider(GetParam());
    SandboxTest::SetUp();
  }
  long ticks() const {
    std::ifstream file(sandbox_->workspace() + "/ticks", std::ios::ate);
    return static_cast<long>(file.tellg());
  }
  // A process that the command leaves behind, and that never rests.
  void leave_ticking() {
    run(
        bash("setsid sh -c 'while :; do echo >> ticks; done' >/dev/null 2>&1 & "
             "while ! [ -s ticks ]; do :; done"));
  }
};

double milliseconds(std::chrono::steady_clock::duration took) {
  return std::chrono::duration<double, std::milli>(took).count();
}

void print(const char* what, std::vector<double> figures) {
  std::sort(figures.begin(), figures.end());
  std::printf("%s: p50 %.2f ms, max %.2f ms\n", what, figures[figures.size() / 2], figures.back());
}

TEST_P(FreezeTest, NothingRunsWhileFrozenAndAllAfter) {
  leave_ticking();
  std::vector<double> freezes;
  std::vector<double> thaws;
  std::vector<double> first_bytes;
  for (int i = 0; i < 20; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    auto frozen = exec().freeze(Epoch{1}, soon());
    ASSERT_TRUE(frozen) << frozen.error().message;
    ASSERT_FALSE(frozen->deferred);
    freezes.push_back(milliseconds(std::chrono::steady_clock::now() - begin));
    const long before = ticks();
    EXPECT_FALSE(exec().start(bash("true"), soon()));
    EXPECT_EQ(ticks(), before);
    const auto thaw_begin = std::chrono::steady_clock::now();
    auto thawed = exec().thaw(Epoch{1}, {}, soon());
    ASSERT_TRUE(thawed) << thawed.error().message;
    thaws.push_back(milliseconds(std::chrono::steady_clock::now() - thaw_begin));
    const auto command = in_shell("echo hello");
    ASSERT_TRUE(exec().start(command, soon()));
    ASSERT_EQ(first_output(command.op, 6), "hello\n");
    first_bytes.push_back(milliseconds(std::chrono::steady_clock::now() - thaw_begin));
    ASSERT_TRUE(exec().wait(command.op, soon()));
    while (ticks() == before) {
    }
  }
  print("freeze", freezes);
  print("thaw", thaws);
  print("thaw to the first byte of output", first_bytes);
}

TEST_P(FreezeTest, FrozenSandboxIsFrozenForTheNextHarnessAndCanBeDestroyed) {
  leave_ticking();
  ASSERT_TRUE(exec().freeze(Epoch{1}, soon()));
  auto found = provider_->open(session_, soon());
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->exec().start(bash("true"), soon()).error().code, Code::conflict);
  EXPECT_TRUE(provider_->destroy(session_, soon()));
  EXPECT_TRUE(sandbox_->lost());
}

INSTANTIATE_TEST_SUITE_P(AllWays, FreezeTest,
                         ::testing::Values(FreezeBy::cgroup2, FreezeBy::cgroup1,
                                           FreezeBy::signals));

}  // namespace
}  // namespace outboard::harness
