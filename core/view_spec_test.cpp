#include "core/view_spec.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(ViewSpec, ReadsPathVolumeAndMode) {
  const auto view = parse_view("/memory/=acme/~ada/memory:rw");
  ASSERT_TRUE(view);
  EXPECT_EQ(*view, (ViewSpec{"/memory", "acme/~ada/memory", false}));
  EXPECT_EQ(to_string(*view), "/memory=acme/~ada/memory:rw");
}

TEST(ViewSpec, RefusesWhatIsNoView) {
  for (const char* text : {"/skills", "/skills=acme/skills", "/skills=acme/skills:rx",
                           "skills=acme/skills:ro", "/skills=:ro", "/=acme/skills:ro"}) {
    const auto view = parse_view(text);
    ASSERT_FALSE(view) << text;
    EXPECT_EQ(view.error().code, Code::invalid);
    EXPECT_NE(view.error().message.find("/skills=acme/skills:ro"), std::string::npos);
  }
}

TEST(ViewSpec, S56_AViewMayStandInTheRootOfAnother) {
  EXPECT_TRUE(check_places({{"/a", "acme/a", true}, {"/ab", "acme/b", true}}));
  EXPECT_TRUE(check_places({{"/a/b", "acme/b", true}, {"/a", "acme/a", true}}));
  EXPECT_TRUE(check_places({{"/a", "", true}, {"/a/b", "", true}, {"/a/b/c", "", true}}));
  EXPECT_EQ(check_places({{"/a", "", true}, {"/a/b/c", "", true}}).error().code, Code::unsupported);
  EXPECT_FALSE(check_places({{"/a", "acme/a", true}, {"/a", "acme/b", true}}));
}

}  // namespace
}  // namespace outboard
