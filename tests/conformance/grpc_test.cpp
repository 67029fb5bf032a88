#include "client/grpc_store.h"
#include "core/clock.h"
#include "core/memory_store.h"
#include "server/rpc/rpc_server.h"
#include "tests/conformance/store_suite.h"
#include "tests/support/rpc_parts.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {
namespace {

// A MemoryStore behind a real server on a unix socket: what differs from memory is the wire's.
class GrpcFixture final : public StoreFixture {
 public:
  GrpcFixture() {
    Caller caller = everything("outboard");
    caller.admin = true;  // redaction asks for it
    tokens_.set("ob_all", caller);
    server::RpcConfig config;
    config.listen = {"unix:" + directory_.path() + "/socket"};
    config.workers = 8;
    auto server = server::RpcServer::start(config, memory_, admin_, tokens_);
    EXPECT_TRUE(server) << server.error().message;
    server_ = *std::move(server);
    client::ChannelConfig channel;
    channel.address = server_->addresses().at(0);
    channel.token = [] { return std::string("ob_all\n"); };
    auto store = client::GrpcStore::connect(channel, clock_.now() + kCallWait);
    EXPECT_TRUE(store) << store.error().message;
    store_ = *std::move(store);
  }

  Store& store() override { return *store_; }
  VolumeId make_volume(const VolumeSettings& settings) override {
    return memory_.add_volume("acme/volume-" + std::to_string(++volumes_), settings);
  }
  Call call() override { return Call::until(clock_.now() + kCallWait); }
  bool forget(VolumeId volume, Seq upto) override {
    memory_.forget(volume, upto);
    return true;
  }

 private:
  SystemClock clock_;
  TempDirectory directory_;
  MemoryStore memory_{clock_};
  EchoAdmin admin_;
  TableTokens tokens_;
  std::unique_ptr<server::RpcServer> server_;
  std::unique_ptr<client::GrpcStore> store_;
  int volumes_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Grpc, StoreSuite,
                         ::testing::Values(StoreMaker{
                             "grpc", [] { return std::make_unique<GrpcFixture>(); }}),
                         store_name);

}  // namespace
}  // namespace outboard::tests
