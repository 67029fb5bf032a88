#include "proto/grpc_life.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace outboard::wire {
namespace {

std::string variable(const char* name) {
  const char* const value = ::getenv(name);
  return value == nullptr ? "" : value;
}

// Each in a process of its own: what is asked of gRPC here would be asked by the tests after it.
TEST(GrpcLife, AServersConnectionsKeepASmallRoom) {
  const auto fitted = [] {
    ::unsetenv("GRPC_EXPERIMENTS");
    fit_grpc_to_server();
    std::exit(variable("GRPC_EXPERIMENTS") == "-tcp_read_chunks" ? 0 : 1);
  };
  EXPECT_EXIT(fitted(), ::testing::ExitedWithCode(0), "");
}

TEST(GrpcLife, AClientsThreadsPollForThemselves) {
  const auto fitted = [] {
    ::unsetenv("GRPC_POLL_STRATEGY");
    fit_grpc_to_client();
    std::exit(variable("GRPC_POLL_STRATEGY") == "poll" ? 0 : 1);
  };
  EXPECT_EXIT(fitted(), ::testing::ExitedWithCode(0), "");
}

TEST(GrpcLife, WhatTheEnvironmentAsksOfGrpcStays) {
  const auto fitted = [] {
    ::setenv("GRPC_EXPERIMENTS", "tcp_rcv_lowat", 1);
    ::setenv("GRPC_POLL_STRATEGY", "epoll1", 1);
    fit_grpc_to_server();
    fit_grpc_to_client();
    const bool stays = variable("GRPC_EXPERIMENTS") == "tcp_rcv_lowat" &&
                       variable("GRPC_POLL_STRATEGY") == "epoll1";
    std::exit(stays ? 0 : 1);
  };
  EXPECT_EXIT(fitted(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace outboard::wire
