#include "client/channel.h"

#include <gtest/gtest.h>

namespace outboard::client {
namespace {

std::string refusal_of(const std::string& address) {
  ChannelConfig config;
  config.address = address;
  const auto opened = Channel::open(config);
  return opened ? "" : opened.error().message;
}

TEST(ChannelTest, WhatIsNoAddressIsRefusedWithTheRule) {
  for (const char* wrong : {"foo", "", "unix:", "foo:", ":7070", "localhost:http"}) {
    const std::string refusal = refusal_of(wrong);
    EXPECT_NE(refusal.find("unix:/path or host:port"), std::string::npos)
        << wrong << ": " << refusal;
  }
  for (const char* good : {"unix:/run/outboard/server.sock", "localhost:7070", "[::1]:7070"}) {
    EXPECT_EQ(refusal_of(good), "");
  }
}

TEST(ChannelTest, NoTokenCrossesTheNetworkInTheClear) {
  const std::string refusal = refusal_of("server.example.org:7070");
  EXPECT_NE(refusal.find("--tls-ca"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("--ca-file"), std::string::npos) << refusal;
}

}  // namespace
}  // namespace outboard::client
