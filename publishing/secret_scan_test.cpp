#include "publishing/secret_scan.h"

#include <gtest/gtest.h>

#include "publishing/house_rules.h"

namespace outboard::publishing {
namespace {

// In two parts, so that no scanner of this repository finds them.
const std::string kLetters = "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8s9T0u1V2w3X4y5Z6a7B8c9D0e1";

std::string kind_of(const std::string& text) {
  const auto found = find_secret(text, 0, text.size());
  return found ? std::string(found->kind) : "";
}

TEST(SecretScan, KnownShapesAreFound) {
  const std::string upper = "Q7W3E9R5T1Y8U2I6";
  EXPECT_EQ(kind_of("key: AKI"
                    "A" +
                    upper),
            "an AWS access key");
  EXPECT_EQ(kind_of("x=gh"
                    "p_" +
                    kLetters.substr(0, 36)),
            "a GitHub token");
  EXPECT_EQ(kind_of("(github_"
                    "pat_" +
                    kLetters.substr(0, 60) + ")"),
            "a GitHub token");
  EXPECT_EQ(kind_of("xox"
                    "b-" +
                    kLetters.substr(0, 24)),
            "a Slack token");
  EXPECT_EQ(kind_of("AI"
                    "za" +
                    kLetters.substr(0, 35)),
            "a Google key");
  EXPECT_EQ(kind_of("sk-"
                    "ant-api03-" +
                    kLetters.substr(0, 40)),
            "an Anthropic key");
  EXPECT_EQ(kind_of("sk-"
                    "proj-" +
                    kLetters.substr(0, 40)),
            "an OpenAI key");
  EXPECT_EQ(kind_of("sk"
                    "-" +
                    kLetters.substr(0, 48)),
            "an OpenAI key");
  EXPECT_EQ(kind_of("-----BEGIN "
                    "OPENSSH PRIVATE KEY-----\nabc"),
            "a private key");
  EXPECT_EQ(kind_of("-----BEGIN "
                    "PRIVATE KEY-----\nabc"),
            "a private key");
  const std::string part = kLetters.substr(0, 24);
  EXPECT_EQ(kind_of("Bearer ey"
                    "J" +
                    part + "." + part + "." + part),
            "a signed token (JWT)");
}

TEST(SecretScan, RandomValuesOfSecretNamesAreFound) {
  const std::string value = kLetters.substr(0, 28);
  EXPECT_EQ(kind_of("db_password = \"" + value + "\""), "a password or key");
  EXPECT_EQ(kind_of("  \"apiKey\": \"" + value + "\","), "a password or key");
  EXPECT_EQ(kind_of("AWS_SECRET_ACCESS_KEY=" + value), "a password or key");
  EXPECT_EQ(kind_of("checksum = " + value), "");
  EXPECT_EQ(kind_of("password = the-long-words-of-a-sentence"), "");
  EXPECT_EQ(kind_of("token: aaaaaaaaaaaaaaaaaaaaaaaaaaaa1"), "");
  EXPECT_EQ(kind_of("password: short1"), "");
}

TEST(SecretScan, WhatIsMadeUpIsNone) {
  EXPECT_EQ(kind_of("AKI"
                    "AIOSFODNN7EXAMPLE"),
            "");
  EXPECT_EQ(kind_of("gh"
                    "p_" +
                    kLetters.substr(0, 30) + "example"),
            "");
  EXPECT_EQ(kind_of("ask-" + kLetters), "");  // the middle of a word
  EXPECT_EQ(kind_of("-----BEGIN CERTIFICATE-----"), "");
  EXPECT_EQ(kind_of("The AKIA prefix and gh"
                    "p_ tokens are keys."),
            "");
  EXPECT_EQ(kind_of(""), "");
}

TEST(SecretScan, OnlyWhatTouchesTheNewBytesCounts) {
  const std::string token =
      "gh"
      "p_" +
      kLetters.substr(0, 36);
  const std::string text = token + " then more";
  EXPECT_TRUE(find_secret(text, 0, 4));
  EXPECT_TRUE(find_secret(text, token.size() - 1, text.size()));
  EXPECT_FALSE(find_secret(text, token.size(), text.size()));
  EXPECT_FALSE(find_secret("then " + token, 0, 5));
}

TEST(SecretScan, NoMessageHoldsTheSecret) {
  const std::string token =
      "gh"
      "p_" +
      kLetters.substr(0, 36);
  const std::string text = "a\nb\n" + token;
  const auto fault = HouseRules().secret_fault({"/n.md", text, 0, text.size()});
  ASSERT_TRUE(fault);
  EXPECT_NE(fault->find("line 3 of /n.md"), std::string::npos) << *fault;
  for (std::size_t i = 0; i + 6 <= token.size(); ++i) {
    EXPECT_EQ(fault->find(token.substr(i, 6)), std::string::npos);
  }
}

}  // namespace
}  // namespace outboard::publishing
