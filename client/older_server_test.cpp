// What a server of an earlier release does not know must not be answered as if it did. [S50]
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include "client/grpc_store.h"
#include "outboard/v1/store.grpc.pb.h"
#include "proto/handshake.h"

namespace outboard::client {
namespace {

// It ignores what it is asked as of, and does not say what its answer is true of.
class OlderServer final : public v1::StoreService::Service {
 public:
  grpc::Status Handshake(grpc::ServerContext*, const v1::HandshakeRequest*,
                         v1::HandshakeResponse* response) override {
    wire::write_handshake("0.1", response);
    return grpc::Status::OK;
  }
  grpc::Status GetXattrs(grpc::ServerContext*, const v1::GetXattrsRequest*,
                         v1::GetXattrsResponse* response) override {
    auto* now = response->add_xattrs();
    now->set_name("user.a");
    now->set_value("now");
    return grpc::Status::OK;
  }
};

TEST(OlderServerTest, S50_WhatAttributesAreNowIsNotTakenForWhatTheyWere) {
  OlderServer service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  const Call call = Call::until(std::chrono::steady_clock::now() + std::chrono::seconds(30));
  ChannelConfig config;
  config.address = "127.0.0.1:" + std::to_string(port);
  auto store = GrpcStore::connect(config, call.deadline);
  ASSERT_TRUE(store) << store.error().message;
  auto now = (*store)->xattrs(call, VolumeId{1}, kRootInode, {});
  ASSERT_TRUE(now) << now.error().message;
  EXPECT_EQ(now->value.at("user.a"), "now");
  ReadAt then;
  then.as_of = Seq{3};
  auto was = (*store)->xattrs(call, VolumeId{1}, kRootInode, then);
  ASSERT_FALSE(was);
  EXPECT_EQ(was.error().code, Code::unsupported);
  ReadAt revision;
  revision.revision = "first";
  auto published = (*store)->xattrs(call, VolumeId{1}, kRootInode, revision);
  ASSERT_FALSE(published);
  EXPECT_EQ(published.error().code, Code::unsupported);
}

}  // namespace
}  // namespace outboard::client
