#include "cli/remote_server.h"

#include <utility>

#include "client/grpc_admin.h"
#include "client/grpc_agent.h"
#include "client/grpc_audit.h"
#include "client/grpc_revisions.h"
#include "client/grpc_roster.h"
#include "client/grpc_store.h"

namespace outboard::cli {
namespace {

Error unnamed(const std::string& what, const std::string& option, const std::string& variable) {
  return Error{Code::invalid, "no " + what + " was named: give " + option +
                                  " unix:/path or host:port, or set " + variable};
}

class RemoteServer final : public Server {
 public:
  explicit RemoteServer(RemoteAddress address) : address_(std::move(address)) {}

  Result<Store*> store() override {
    if (!store_) {
      if (address_.server.empty()) return unnamed("server", "--server", "OUTBOARD_SERVER");
      auto connected = client::GrpcStore::connect(channel(), deadline());
      if (!connected) return connected.error();
      store_ = std::move(*connected);
    }
    return store_.get();
  }

  Result<Admin*> admin() override {
    if (!admin_) {
      if (address_.server.empty()) return unnamed("server", "--server", "OUTBOARD_SERVER");
      auto connected = client::GrpcAdmin::connect(channel(), deadline());
      if (!connected) return connected.error();
      admin_ = std::move(*connected);
    }
    return admin_.get();
  }

  Result<Audit*> audit() override {
    if (!audit_) {
      if (address_.server.empty()) return unnamed("server", "--server", "OUTBOARD_SERVER");
      auto connected = client::GrpcAudit::connect(channel(), deadline());
      if (!connected) return connected.error();
      audit_ = std::move(*connected);
    }
    return audit_.get();
  }

  Result<Revisions*> revisions() override {
    if (!revisions_) {
      if (address_.server.empty()) return unnamed("server", "--server", "OUTBOARD_SERVER");
      auto connected = client::GrpcRevisions::connect(channel(), deadline());
      if (!connected) return connected.error();
      revisions_ = std::move(*connected);
    }
    return revisions_.get();
  }

  Result<Examiner*> examiner() override {
    if (auto connected = admin(); !connected) return connected.error();
    return admin_.get();
  }

  Result<client::MountReport> mount(const std::string& control_socket) override {
    return client::ask_mount(control_socket, deadline());
  }
  Result<client::WarmReport> warm_mount(const std::string& control_socket, const std::string& path,
                                        std::uint64_t bytes_max) override {
    return client::warm_mount(control_socket, path, bytes_max, deadline());
  }

  Result<std::map<std::string, std::uint64_t>> await_mount(
      const std::string& control_socket,
      const std::map<std::string, std::uint64_t>& seqs) override {
    return client::await_mount(control_socket, seqs, deadline());
  }
  Result<std::vector<ViewSpec>> change_views(const std::string& control_socket,
                                             const client::ViewChange& change) override {
    return client::change_views(control_socket, change, deadline());
  }
  Status renew_mount_token(const std::string& control_socket, const std::string& token) override {
    return client::renew_mount_token(control_socket, token, deadline());
  }

  Result<client::Agent*> agent() override {
    if (!agent_) {
      if (address_.harness.empty()) return unnamed("harness", "--harness", "OUTBOARD_HARNESS");
      client::ChannelConfig config = channel();
      config.address = address_.harness;
      auto opened = client::GrpcAgent::open(config);
      if (!opened) return opened.error();
      agent_ = std::move(*opened);
    }
    return agent_.get();
  }

  Result<Roster*> roster() override {
    if (!roster_) {
      if (address_.server.empty()) return unnamed("server", "--server", "OUTBOARD_SERVER");
      auto opened = client::GrpcRoster::open(channel());
      if (!opened) return opened.error();
      roster_ = std::move(*opened);
    }
    return roster_.get();
  }

  Result<MintedToken> sign_in(const Call& call, const std::string& id_token) override {
    if (auto opened = roster(); !opened) return opened.error();
    return roster_->sign_in(call, id_token);
  }

  ClientId client() const override { return store_->client(); }
  std::string version() const override { return store_->server_version(); }

 private:
  client::ChannelConfig channel() const {
    client::ChannelConfig config;
    config.address = address_.server;
    config.token = [token = address_.token] { return token; };
    config.tls_ca_file = address_.tls_ca_file;
    config.tls_certificate_file = address_.tls_certificate_file;
    config.tls_key_file = address_.tls_key_file;
    return config;
  }
  Moment deadline() const { return SystemClock().now() + address_.timeout; }

  const RemoteAddress address_;
  std::unique_ptr<client::GrpcStore> store_;
  std::unique_ptr<client::GrpcAdmin> admin_;
  std::unique_ptr<client::GrpcAudit> audit_;
  std::unique_ptr<client::GrpcRevisions> revisions_;
  std::unique_ptr<client::GrpcAgent> agent_;
  std::unique_ptr<client::GrpcRoster> roster_;
};

}  // namespace

std::unique_ptr<Server> remote_server(RemoteAddress address) {
  return std::make_unique<RemoteServer>(std::move(address));
}

}  // namespace outboard::cli
