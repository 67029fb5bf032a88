#include "harness/sandboxes/record.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "harness/sandboxes/outer/outer_plan.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_directory.h"

namespace outboard::harness {
namespace {

TEST(SandboxRecord, IsReadBackAsItWas) {
  const tests::TempDirectory directory;
  const std::string file = directory.path() + "/record";
  EXPECT_FALSE(read_record(file));
  ASSERT_TRUE(write_record(file, {Generation{4}, 77, {12, 34}, "/sys/fs/cgroup/a b"}));
  ASSERT_TRUE(write_record(file, {Generation{5}, 77, {12, 35}, ""}));
  const auto record = read_record(file);
  ASSERT_TRUE(record);
  EXPECT_EQ(record->generation, Generation{5});
  EXPECT_EQ(record->first_user, 77u);
  EXPECT_EQ(record->outer, (ProcessId{12, 35}));
  EXPECT_EQ(record->cgroup, "");
  std::ofstream(file) << "damaged";
  EXPECT_FALSE(read_record(file));
}

TEST(Process, AnotherProcessOfTheSameNumberIsNotIt) {
  const ProcessId self = identify(::getpid());
  EXPECT_GT(self.started, 0u);
  EXPECT_TRUE(Process(self).running());
  EXPECT_FALSE(Process(ProcessId{self.pid, self.started + 1}).running());
  EXPECT_FALSE(Process(ProcessId{}).running());
}

TEST(Process, EndIsSeen) {
  tests::ChildOptions options;
  options.output = "/dev/null";
  tests::ChildProcess child({"/bin/cat", "/dev/zero"}, options);
  const Process process(identify(child.pid()));
  EXPECT_TRUE(process.running());
  child.signal(9);
  EXPECT_TRUE(process.wait(Moment::max()));
  EXPECT_FALSE(process.running());
}

TEST(OuterPlan, ArgumentsComeBackAsTheyWere) {
  OuterPlan plan;
  plan.session = "s";
  plan.generation = "3";
  plan.server = "unix:/store/a";
  plan.views = {{"/skills", "acme/skills", false}, {"/memory", "acme/~ada/memory", true}};
  plan.daemon_user = 10;
  plan.agent_user = 11;
  plan.command_user = 12;
  plan.cgroup = true;
  auto words = arguments_of(plan);
  words.insert(words.begin(), "outboard-outer");
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  OuterPlan parsed;
  EXPECT_EQ(parse_plan(static_cast<int>(argv.size()), argv.data(), parsed), "");
  EXPECT_EQ(arguments_of(parsed), arguments_of(plan));
  EXPECT_TRUE(parsed.views[1].writable);
  words[1] = "--unknown";
  argv[1] = words[1].data();
  EXPECT_NE(parse_plan(static_cast<int>(argv.size()), argv.data(), parsed), "");
}

}  // namespace
}  // namespace outboard::harness
