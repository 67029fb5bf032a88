#include "core/ids.h"

#include <gtest/gtest.h>

namespace outboard {
namespace {

TEST(Ids, UuidsReadBackAsTheyPrint) {
  const Uuid uuid = random_uuid();
  const std::string text = to_string(uuid);
  EXPECT_EQ(text.size(), 36U);
  EXPECT_EQ(text[14], '4');
  EXPECT_EQ(parse_uuid(text), uuid);
  EXPECT_FALSE(parse_uuid(text.substr(1)));
  EXPECT_FALSE(parse_uuid("g" + text.substr(1)));
  EXPECT_TRUE(parse_uuid("00000000-0000-0000-0000-00000000000A"));
  EXPECT_FALSE(Uuid{});
}

TEST(Ids, NamedUuidsAreThoseOfTheStandard) {
  const auto dns = parse_uuid("6ba7b810-9dad-11d1-80b4-00c04fd430c8");
  ASSERT_TRUE(dns);
  EXPECT_EQ(to_string(named_uuid(*dns, "www.example.com")), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
}

TEST(Ids, NumbersKeepTheirKind) {
  EXPECT_LT(Seq{1}, Seq{2});
  EXPECT_FALSE(Inode{});
  EXPECT_EQ(to_string(Version{7}), "7");
}

}  // namespace
}  // namespace outboard
