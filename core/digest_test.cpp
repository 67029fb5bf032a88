#include "core/digest.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace outboard {
namespace {

TEST(Digest, Sha256IsThatOfTheStandard) {
  const std::string text = to_string(sha256("abc"));
  EXPECT_EQ(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(parse_sha256(text), sha256("abc"));
  EXPECT_FALSE(parse_sha256(text.substr(1)));
  EXPECT_FALSE(parse_sha256("x" + text.substr(1)));
}

TEST(Digest, SecretsAreLongUrlSafeAndNew) {
  const std::string secret = random_secret(32);
  EXPECT_EQ(secret.size(), 43U);
  EXPECT_NE(secret, random_secret(32));
  EXPECT_TRUE(std::all_of(secret.begin(), secret.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  }));
}

TEST(Digest, XxhTellsBytesApart) {
  EXPECT_NE(xxh3("a"), xxh3("b"));
}

}  // namespace
}  // namespace outboard
