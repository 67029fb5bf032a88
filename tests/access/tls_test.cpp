// TLS and mutual TLS, with certificates that are good, foreign, missing and expired.
#include <gtest/gtest.h>

#include "client/grpc_store.h"
#include "core/clock.h"
#include "core/memory_store.h"
#include "server/rpc/rpc_server.h"
#include "tests/access/certificates.h"
#include "tests/support/rpc_parts.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {
namespace {

using namespace std::chrono_literals;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() { tokens_.set("ob_good", everything("ada")); }

  void start(const Certificate& of_server, const Certificate* of_clients) {
    server::RpcConfig config;
    config.listen = {"127.0.0.1:0", "unix:" + directory_.path() + "/socket"};
    config.tls_certificate_file = of_server.file();
    config.tls_key_file = of_server.key_file();
    if (of_clients != nullptr) config.tls_client_ca_file = of_clients->file();
    config.workers = 4;
    auto started = server::RpcServer::start(config, store_, admin_, tokens_);
    ASSERT_TRUE(started) << started.error().message;
    server_ = *std::move(started);
  }
  // Whether a client with this CA and this certificate is served.
  std::string reach(const Certificate* authority, const Certificate* own,
                    std::chrono::milliseconds wait = 30s) {
    client::ChannelConfig config;
    const std::string address = server_->addresses().at(0);
    config.address = "localhost" + address.substr(address.rfind(':'));
    config.token = [] { return std::string("ob_good"); };
    if (authority != nullptr) config.tls_ca_file = authority->file();
    if (own != nullptr) {
      config.tls_certificate_file = own->file();
      config.tls_key_file = own->key_file();
    }
    auto store = client::GrpcStore::connect(config, SystemClock().now() + wait);
    return store ? "served" : std::string(name_of(store.error().code));
  }
  // The same, when it is known to fail: a client asks again until its time is over.
  std::string fail(const Certificate* authority, const Certificate* own) {
    return reach(authority, own, 1'500ms);
  }

  TempDirectory directory_;
  SystemClock clock_;
  MemoryStore store_{clock_};
  EchoAdmin admin_;
  TableTokens tokens_;
  const Certificate authority_{directory_.path(), "authority", nullptr};
  const Certificate stranger_{directory_.path(), "stranger", nullptr};
  std::unique_ptr<server::RpcServer> server_;
};

TEST_F(TlsTest, AClientThatTrustsTheAuthorityIsServed) {
  const Certificate own(directory_.path(), "server", &authority_);
  start(own, nullptr);
  EXPECT_EQ(reach(&authority_, nullptr), "served");
  EXPECT_EQ(fail(&stranger_, nullptr), "unavailable");  // it does not trust this server
  EXPECT_EQ(fail(nullptr, nullptr), "unavailable");     // it speaks in the clear
}

TEST_F(TlsTest, AnExpiredServerIsNotTrusted) {
  const Certificate expired(directory_.path(), "server", &authority_, 1'800);
  start(expired, nullptr);
  EXPECT_EQ(fail(&authority_, nullptr), "unavailable");
}

TEST_F(TlsTest, WithAClientAuthorityClientsShowWhoTheyAre) {
  const Certificate own(directory_.path(), "server", &authority_);
  const Certificate client(directory_.path(), "client", &authority_);
  const Certificate foreign(directory_.path(), "foreign", &stranger_);
  const Certificate expired(directory_.path(), "expired", &authority_, 1'800);
  start(own, &authority_);
  EXPECT_EQ(reach(&authority_, &client), "served");
  EXPECT_EQ(fail(&authority_, nullptr), "unavailable");
  EXPECT_EQ(fail(&authority_, &foreign), "unavailable");
  EXPECT_EQ(fail(&authority_, &expired), "unavailable");
  // A unix socket is guarded by its directory, not by certificates.
  client::ChannelConfig local;
  local.address = server_->addresses().at(1);
  local.token = [] { return std::string("ob_good"); };
  EXPECT_TRUE(client::GrpcStore::connect(local, SystemClock().now() + 30s));
}

}  // namespace
}  // namespace outboard::tests
