// A server over memory and clients of it, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "client/grpc_admin.h"
#include "client/grpc_store.h"
#include "core/clock.h"
#include "core/memory_store.h"
#include "server/rpc/rpc_server.h"
#include "tests/support/rpc_parts.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {

class WireHouse : public ::testing::Test {
 protected:
  WireHouse() {
    tokens_.set("ob_ada", everything("ada"));
    start();
  }

  void start() {
    server::RpcConfig config;
    config.listen = {address()};
    config.workers = 8;
    auto server = server::RpcServer::start(config, memory_, admin_, tokens_);
    ASSERT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
  }
  void stop() { server_.reset(); }

  std::string address() const { return "unix:" + directory_.path() + "/socket"; }
  Moment soon() const { return clock_.now() + std::chrono::seconds(30); }
  Call call() const { return Call::until(soon()); }

  client::ChannelConfig channel(std::string token = "ob_ada") const {
    client::ChannelConfig config;
    config.address = address();
    config.token = [token] { return token; };
    return config;
  }
  std::unique_ptr<client::GrpcStore> connect(std::string token = "ob_ada") {
    return connect(channel(std::move(token)));
  }
  std::unique_ptr<client::GrpcStore> connect(const client::ChannelConfig& config) {
    auto store = client::GrpcStore::connect(config, soon());
    EXPECT_TRUE(store) << store.error().message;
    return store ? *std::move(store) : nullptr;
  }

  // Straight into the store, past the wire.
  Applied put(VolumeId volume, const std::string& name, std::string bytes) {
    Publish publish;
    publish.at = NameRef{std::string("/"), name};
    publish.bytes = std::move(bytes);
    Batch batch;
    batch.steps.push_back({publish, {}});
    auto applied = memory_.apply(internal_call(soon()), volume, batch);
    EXPECT_TRUE(applied);
    return applied ? *applied : Applied{};
  }

  // The seqs of the next `count` changes; stops at an end, or when nothing comes for long.
  std::vector<std::uint64_t> take(FeedQueue& queue, std::size_t count) {
    std::vector<std::uint64_t> seqs;
    while (seqs.size() < count) {
      const auto item = queue.next(soon());
      if (item == nullptr) break;
      for (const Change& change : item->changes) seqs.push_back(change.seq.value);
      if (item->end) break;
    }
    return seqs;
  }
  // How the subscription ends; whatever comes before is passed over.
  std::optional<FeedEnd> end_of(FeedQueue& queue) {
    for (;;) {
      const auto item = queue.next(soon());
      if (item == nullptr) return std::nullopt;
      if (item->end) return item->end;
    }
  }

  SystemClock clock_;
  TempDirectory directory_;
  MemoryStore memory_{clock_};
  EchoAdmin admin_;
  TableTokens tokens_;
  std::unique_ptr<server::RpcServer> server_;
};

inline std::vector<std::uint64_t> range(std::uint64_t first, std::uint64_t last) {
  std::vector<std::uint64_t> numbers;
  for (std::uint64_t i = first; i <= last; ++i) numbers.push_back(i);
  return numbers;
}

}  // namespace outboard::tests
