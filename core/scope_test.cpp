#include "core/scope.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

const VolumeId kVolume{7};

Scope of(std::vector<Grant> grants) {
  return Scope::of(grants, kVolume);
}

TEST(ScopeTest, RightsGrowDownwards) {
  const Scope scope = of({{kVolume, "/team", false}, {kVolume, "/team/mine", true}});
  EXPECT_EQ(scope.at("/team"), Right::read);
  EXPECT_EQ(scope.at("/team/other/deep"), Right::read);
  EXPECT_EQ(scope.at("/team/mine"), Right::write);
  EXPECT_EQ(scope.at("/team/mine/x"), Right::write);
  EXPECT_EQ(scope.at("/teams"), Right::none);
  EXPECT_EQ(scope.at("/"), Right::walk);
  EXPECT_TRUE(scope.writes());
  EXPECT_FALSE(scope.reads_all());
}

TEST(ScopeTest, AReadOnlyGrantBelowAWritableOneTakesNothingAway) {
  const Scope scope = of({{kVolume, "/a", true}, {kVolume, "/a/b", false}});
  EXPECT_EQ(scope.at("/a/b/c"), Right::write);
  EXPECT_EQ(scope.prefixes(), std::vector<std::string>{"/a"});
}

TEST(ScopeTest, OnTheWayOnlyTheNextStepIsShown) {
  const Scope scope =
      of({{kVolume, "/a/b", false}, {kVolume, "/a/c/d", false}, {kVolume, "/x", true}});
  EXPECT_EQ(scope.ways("/"), (std::vector<std::string>{"a", "x"}));
  EXPECT_EQ(scope.ways("/a"), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(scope.ways("/a/c"), (std::vector<std::string>{"d"}));
  EXPECT_EQ(scope.at("/a/c"), Right::walk);
  EXPECT_EQ(scope.at("/a/d"), Right::none);
}

TEST(ScopeTest, GrantsOfOtherVolumesDoNotCount) {
  EXPECT_TRUE(of({{VolumeId{8}, "/", true}}).empty());
  EXPECT_TRUE(of({{VolumeId{}, "/", true}}).writes_all());
  EXPECT_TRUE(of({}).empty());
}

TEST(ScopeTest, ACallerWithoutTokenAndGrantIsTheServerItself) {
  Caller caller;
  EXPECT_TRUE(Scope::of(caller, kVolume).writes_all());
  caller.token = 3;
  EXPECT_TRUE(Scope::of(caller, kVolume).empty());
}

TEST(ScopeTest, PatternsNameVolumes) {
  EXPECT_TRUE(pattern_covers("*", "~ada/memory", "ada"));
  EXPECT_TRUE(pattern_covers("skills", "skills", "ada"));
  EXPECT_FALSE(pattern_covers("skills", "skills-old", "ada"));
  EXPECT_TRUE(pattern_covers("team-*", "team-red", "ada"));
  EXPECT_TRUE(pattern_covers("~*/memory", "~bob/memory", "ada"));
  EXPECT_FALSE(pattern_covers("~*/memory", "~bob/notes", "ada"));
  EXPECT_TRUE(pattern_covers("~@/*", "~ada/memory", "ada"));
  EXPECT_FALSE(pattern_covers("~@/*", "~adam/memory", "ada"));
  EXPECT_FALSE(pattern_covers("~@/*", "~bob/memory", "ada"));
}

TEST(ScopeTest, APatternBecomesTheVolumesNumber) {
  Caller caller;
  caller.organisation = 1;
  caller.principal = "ada";
  Grant own{VolumeId{}, "/", true};
  own.pattern = "~@/*";
  caller.grants = {own};
  Volume volume;
  volume.id = kVolume;
  volume.organisation = 1;
  volume.name = "acme/~ada/memory";
  EXPECT_EQ(grants_in(caller, volume), (std::vector<Grant>{{kVolume, "/", true}}));
  volume.name = "acme/skills";
  EXPECT_TRUE(grants_in(caller, volume).empty());
  volume.name = "other/~ada/memory";
  volume.organisation = 2;
  EXPECT_TRUE(grants_in(caller, volume).empty());
}

}  // namespace
}  // namespace outboard
