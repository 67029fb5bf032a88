#include "cli/push_plan.h"

#include <gtest/gtest.h>

namespace outboard::cli {
namespace {

LocalNode file(const std::string& bytes, bool executable = false) {
  LocalNode node;
  node.size = bytes.size();
  node.digest = sha256(bytes);
  node.executable = executable;
  return node;
}

LocalNode directory() {
  LocalNode node;
  node.kind = Kind::directory;
  return node;
}

LocalNode symlink(const std::string& target) {
  LocalNode node;
  node.kind = Kind::symlink;
  node.target = target;
  return node;
}

Node stored(const LocalNode& local) {
  Node node;
  node.kind = local.kind;
  node.target = local.target;
  node.attributes.mode = local.mode();
  node.attributes.size = local.size;
  if (node.is(Kind::file)) node.version = Version{3};
  if (node.is(Kind::file)) node.digest = local.digest;
  return node;
}

Result<bool> by_digest(const LocalNode& here, const Node& there) {
  return there.digest == here.digest;
}

Result<PushPlan> plan(const LocalTree& local, const std::map<std::string, Node>& remote,
                      bool remove = false) {
  PlanRules rules;
  rules.remove = remove;
  return plan_push(local, remote, "/s", rules, by_digest);
}

TEST(PushPlan, ANewTreeIsAddedParentsFirst) {
  const auto made = plan({{"/s", directory()}, {"/s/a", directory()}, {"/s/a/x", file("x")}}, {});
  ASSERT_TRUE(made);
  ASSERT_EQ(made->steps.size(), 3U);
  EXPECT_EQ(made->steps[0].path, "/s");
  EXPECT_EQ(made->steps[2].path, "/s/a/x");
  EXPECT_EQ(made->added, 1U);
  EXPECT_EQ(made->bytes, 1U);
}

TEST(PushPlan, WhatIsEqualIsNotSent) {
  const LocalTree local = {{"/s", directory()}, {"/s/l", symlink("x")}, {"/s/x", file("x", true)}};
  std::map<std::string, Node> remote;
  for (const auto& [path, node] : local) remote[path] = stored(node);
  const auto made = plan(local, remote, true);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->empty());
  EXPECT_EQ(made->unchanged, 2U);
}

TEST(PushPlan, AChangedExecuteBitIsAnAttribute) {
  const auto made = plan({{"/s", directory()}, {"/s/x", file("x", true)}},
                         {{"/s", stored(directory())}, {"/s/x", stored(file("x"))}});
  ASSERT_EQ(made->steps.size(), 1U);
  EXPECT_EQ(made->steps[0].deed, Deed::attributes);
  EXPECT_EQ(made->bytes, 0U);
}

TEST(PushPlan, WhatIsGoneStaysUnlessAskedFor) {
  const LocalTree local = {{"/s", directory()}};
  const std::map<std::string, Node> remote = {{"/s", stored(directory())},
                                              {"/s/d", stored(directory())},
                                              {"/s/d-e", stored(file("y"))},
                                              {"/s/d/x", stored(file("x"))},
                                              {"/sx", stored(file("other"))}};
  EXPECT_TRUE(plan(local, remote)->empty());
  EXPECT_EQ(plan(local, remote)->left, 2U);
  const auto made = plan(local, remote, true);
  ASSERT_EQ(made->steps.size(), 2U);  // /s/d/x goes with /s/d
  EXPECT_EQ(made->steps[0].path, "/s/d");
  EXPECT_EQ(made->steps[1].path, "/s/d-e");
  EXPECT_EQ(made->removed, 2U);
}

TEST(PushPlan, AFileReplacesASymlink) {
  const auto made = plan({{"/s", directory()}, {"/s/x", file("x")}},
                         {{"/s", stored(directory())}, {"/s/x", stored(symlink("y"))}});
  ASSERT_EQ(made->steps.size(), 2U);
  EXPECT_EQ(made->steps[0].deed, Deed::remove);
  EXPECT_EQ(made->steps[1].deed, Deed::add);
  EXPECT_FALSE(made->steps[1].remote);
}

TEST(PushPlan, AFileReplacesADirectoryOnlyWhenRemovalIsAskedFor) {
  const LocalTree local = {{"/s", directory()}, {"/s/x", file("x")}};
  const std::map<std::string, Node> remote = {
      {"/s", stored(directory())}, {"/s/x", stored(directory())}, {"/s/x/y", stored(file("y"))}};
  const auto refused = plan(local, remote);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::exists);
  EXPECT_NE(refused.error().message.find("--delete"), std::string::npos);
  EXPECT_EQ(plan(local, remote, true)->steps.size(), 2U);
}

}  // namespace
}  // namespace outboard::cli
