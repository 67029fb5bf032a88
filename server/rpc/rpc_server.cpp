#include "server/rpc/rpc_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "proto/endpoint.h"
#include "proto/grpc_life.h"
#include "server/access.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/blob_service.h"
#include "server/rpc/desk.h"
#include "server/rpc/journal_service.h"
#include "server/rpc/listening.h"
#include "server/rpc/roster_service.h"
#include "server/rpc/sign_in_service.h"
#include "server/rpc/store_service.h"
#include "server/rpc/watch_service.h"

namespace outboard::server {
namespace {

// Room for a message's envelope beside its content.
constexpr int kReceiveBytesMax = static_cast<int>(kMessageBytesMax + kPartBytes);

void set_channel_arguments(grpc::ServerBuilder& builder) {
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  builder.SetMaxSendMessageSize(static_cast<int>(kAnswerBytesMax));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(kKeepaliveInterval.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(kKeepaliveTimeout.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Clients ping as often as we do, and a little early.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(kKeepaliveInterval.count() / 2));
  // Without it a second server on the same port would quietly take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace

// Declaration order is the shutdown order, reversed: server_ goes first, by drain().
struct RpcServer::Parts {
  Parts(const RpcConfig& config, Store& store, Admin& admin, TokenReader& tokens,
        const Sessions& sessions, const People& people)
      : rates(config.rates, clock),
        access(store, &rates),
        workers("outboard-rpc", std::max<std::size_t>(config.workers, 1), kRpcQueueMax),
        producers("outboard-stream", std::max<std::size_t>(config.workers / 4, 1), kRpcQueueMax),
        desk{access, admin, tokens, rates, workers, producers},
        store_service(desk),
        watch_service(desk),
        admin_service(desk) {
    if (people.roster != nullptr) roster_service.emplace(desk, *people.roster);
    if (people.sign_in != nullptr) sign_in_service.emplace(desk, *people.sign_in);
    if (sessions.journal == nullptr) return;
    journal_service.emplace(desk, *sessions.journal);
    blob_service.emplace(desk, *sessions.blobs);
  }

  SystemClock clock;
  Rates rates;
  Access access;
  WorkerPool workers;
  WorkerPool producers;
  Desk desk;
  StoreService store_service;
  WatchService watch_service;
  AdminService admin_service;
  std::optional<RosterService> roster_service;
  std::optional<SignInService> sign_in_service;
  std::optional<JournalService> journal_service;
  std::optional<BlobService> blob_service;
  std::vector<std::string> addresses;
  std::unique_ptr<grpc::Server> server;
};

Result<std::unique_ptr<RpcServer>> RpcServer::start(const RpcConfig& config, Store& store,
                                                    Admin& admin, TokenReader& tokens,
                                                    const Sessions& sessions,
                                                    const People& people) {
  wire::keep_grpc_alive();
  auto parts = std::make_unique<Parts>(config, store, admin, tokens, sessions, people);
  grpc::EnableDefaultHealthCheckService(true);
  grpc::ServerBuilder builder;
  set_channel_arguments(builder);
  std::vector<int> ports(config.listen.size(), 0);
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    auto credentials = credentials_for(config.listen[i], config);
    if (!credentials) return credentials.error();
    builder.AddListeningPort(config.listen[i], *credentials, &ports[i]);
  }
  builder.RegisterService(&parts->store_service);
  builder.RegisterService(&parts->watch_service);
  builder.RegisterService(&parts->admin_service);
  if (parts->roster_service) builder.RegisterService(&*parts->roster_service);
  if (parts->sign_in_service) builder.RegisterService(&*parts->sign_in_service);
  if (parts->journal_service) builder.RegisterService(&*parts->journal_service);
  if (parts->blob_service) builder.RegisterService(&*parts->blob_service);
  parts->server = builder.BuildAndStart();
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    const std::string& address = config.listen[i];
    if (!parts->server || ports[i] == 0) {
      Error error;
      error.code = Code::unavailable;
      error.message =
          "cannot listen on " + address + "; is another server there, and may this user open it?";
      error.subject = address;
      return error;
    }
    parts->addresses.push_back(wire::is_unix(address) ? address : with_port(address, ports[i]));
  }
  return std::unique_ptr<RpcServer>(new RpcServer(std::move(parts)));
}

RpcServer::RpcServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

RpcServer::~RpcServer() {
  drain(std::chrono::steady_clock::now());
}

std::vector<std::string> RpcServer::addresses() const {
  return parts_->addresses;
}

void RpcServer::recheck_tokens() {
  parts_->watch_service.recheck();
}

void RpcServer::drain(Moment until) {
  if (!parts_->server) return;
  parts_->server->GetHealthCheckService()->SetServingStatus(false);
  parts_->watch_service.stop();
  if (parts_->journal_service) parts_->journal_service->stop();
  const auto left = until - std::chrono::steady_clock::now();
  parts_->server->Shutdown(std::chrono::system_clock::now() +
                           std::chrono::duration_cast<std::chrono::milliseconds>(left));
  parts_->server.reset();
  parts_->workers.stop();
  parts_->producers.stop();
}

}  // namespace outboard::server
