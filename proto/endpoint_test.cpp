#include "proto/endpoint.h"

#include <gtest/gtest.h>

namespace outboard::wire {
namespace {

TEST(EndpointTest, OnlyThisMachineIsLoopback) {
  EXPECT_TRUE(is_loopback("localhost:7070"));
  EXPECT_TRUE(is_loopback("127.0.0.1:7070"));
  EXPECT_TRUE(is_loopback("127.9.8.7:1"));
  EXPECT_TRUE(is_loopback("[::1]:7070"));
  EXPECT_FALSE(is_loopback("10.0.0.1:7070"));
  EXPECT_FALSE(is_loopback("0.0.0.0:7070"));
}

TEST(EndpointTest, ANameThatLooksLocalGetsNoToken) {
  EXPECT_FALSE(is_loopback("127.0.0.1.example.org:7070"));
  EXPECT_FALSE(is_loopback("127.example.org:7070"));
  EXPECT_FALSE(is_loopback("localhost.example.org:7070"));
}

TEST(EndpointTest, AMissingPemFileIsNamed) {
  const auto missing = pem_file("/nowhere/ca.pem");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("/nowhere/ca.pem"), std::string::npos);
}

}  // namespace
}  // namespace outboard::wire
