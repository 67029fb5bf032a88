#include "server/rpc/addresses.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

RpcConfig listening(const std::string& address) {
  RpcConfig config;
  config.listen = {"unix:/s", address};
  return config;
}

TEST(Addresses, OfThisMachineNeedNoCertificate) {
  for (const char* good : {"unix:/run/outboard/server.sock", "127.0.0.1:0", "localhost:7070"}) {
    EXPECT_TRUE(check_addresses(listening(good))) << good;
  }
}

TEST(Addresses, WhatIsNoneIsRefusedWithTheRule) {
  for (const char* wrong : {"here", "localhost", ""}) {
    const Status refused = check_addresses(listening(wrong));
    ASSERT_FALSE(refused) << wrong;
    EXPECT_NE(refused.error().message.find("unix:/path or host:port"), std::string::npos) << wrong;
  }
}

TEST(Addresses, TokensDoNotCrossTheNetworkInTheClear) {
  const Status refused = check_addresses(listening("0.0.0.0:7070"));
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("without TLS"), std::string::npos);
}

TEST(Addresses, ACertificateThatIsNotThereIsNamed) {
  RpcConfig config = listening("0.0.0.0:7070");
  config.tls_certificate_file = "/nowhere/server.pem";
  config.tls_key_file = "/nowhere/server.key";
  const Status refused = check_addresses(config);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("/nowhere/server.pem"), std::string::npos);
}

}  // namespace
}  // namespace outboard::server
