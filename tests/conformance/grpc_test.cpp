#include "client/grpc_store.h"
#include "core/clock.h"
#include "core/memory_store.h"
#include "publishing/house_rules.h"
#include "server/rpc/rpc_server.h"
#include "tests/conformance/part_suite.h"
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
    store_ = connect("ob_all");
  }

  Store& store() override { return *store_; }
  VolumeId make_volume(const VolumeSettings& settings) override {
    return memory_.add_volume("acme/volume-" + std::to_string(++volumes_), settings);
  }
  Call call() override { return Call::until(clock_.now() + kCallWait); }
  Guest guest(std::vector<Grant> grants) override {
    Caller who = everything("guest");
    who.token = 2 + guests_.size();
    who.grants = std::move(grants);
    const std::string secret = "ob_guest_" + std::to_string(who.token);
    tokens_.set(secret, std::move(who));
    guests_.push_back(connect(secret));
    return Guest{guests_.back().get(), call()};
  }
  bool forget(VolumeId volume, Seq upto) override {
    memory_.forget(volume, upto);
    return true;
  }

 private:
  std::unique_ptr<client::GrpcStore> connect(const std::string& secret) {
    client::ChannelConfig channel;
    channel.address = server_->addresses().at(0);
    channel.token = [secret] { return secret + "\n"; };
    auto store = client::GrpcStore::connect(channel, clock_.now() + kCallWait);
    EXPECT_TRUE(store) << store.error().message;
    return *std::move(store);
  }

  SystemClock clock_;
  TempDirectory directory_;
  publishing::HouseRules rules_;
  MemoryStore memory_{clock_, &rules_};
  EchoAdmin admin_;
  TableTokens tokens_;
  std::unique_ptr<server::RpcServer> server_;
  std::unique_ptr<client::GrpcStore> store_;
  std::vector<std::unique_ptr<client::GrpcStore>> guests_;
  int volumes_ = 0;
};

const auto kMakers =
    ::testing::Values(StoreMaker{"grpc", [] { return std::make_unique<GrpcFixture>(); }});
INSTANTIATE_TEST_SUITE_P(Grpc, StoreSuite, kMakers, store_name);
INSTANTIATE_TEST_SUITE_P(Grpc, PartSuite, kMakers, store_name);
INSTANTIATE_TEST_SUITE_P(Grpc, PartFeedSuite, kMakers, store_name);

}  // namespace
}  // namespace outboard::tests
