#include "server/rpc/rpc_server.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>

#include <algorithm>
#include <limits>
#include <optional>

#include "proto/endpoint.h"
#include "proto/grpc_life.h"
#include "server/access.h"
#include "server/access_limits.h"
#include "server/rpc/admin_service.h"
#include "server/rpc/audit_service.h"
#include "server/rpc/blob_service.h"
#include "server/rpc/desk.h"
#include "server/rpc/health_teller.h"
#include "server/rpc/journal_service.h"
#include "server/rpc/listening.h"
#include "server/rpc/revision_service.h"
#include "server/rpc/roster_service.h"
#include "server/rpc/rpc_counts.h"
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
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kHeadersBytesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(kKeepaliveInterval.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(kKeepaliveTimeout.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Clients ping as often as we do, and a little early.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(kKeepaliveInterval.count() / 2));
  // What each connection would hold and nobody needs: most only watch. gRPC's own list of them, the
  // means to compress an answer, records of sends without a copy (which nobody asks for).
  builder.AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0);
  builder.AddChannelArgument(GRPC_ARG_TCP_TX_ZEROCOPY_MAX_SIMULT_SENDS, 1);
  builder.AddChannelArgument(GRPC_ARG_TCP_READ_CHUNK_SIZE, kIdleReadBytes);
  // Without it a second server on the same port would quietly take half of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

// gRPC keeps its plugins in a list for all servers of the process: once is enough.
void reflect_protos() {
  static const bool once = [] {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
  static_cast<void>(once);
}

}  // namespace

// Declaration order is the shutdown order, reversed: server_ goes first, by drain().
struct RpcServer::Parts {
  Parts(const RpcConfig& config, Store& store, Admin& admin, TokenReader& tokens,
        const Records& records, const Oversight& oversight, const People& people)
      : rates(config.rates, clock),
        access(store, records.trail, &rates),
        workers("outboard-rpc", std::max<std::size_t>(config.workers, 1), kRpcQueueMax),
        producers("outboard-stream", std::max<std::size_t>(config.workers / 4, 1), kRpcQueueMax),
        desk{access, admin, tokens, rates, workers, producers, {}, oversight.examiner},
        store_service(desk),
        watch_service(desk),
        admin_service(desk) {
    if (records.audit != nullptr) audit_service.emplace(desk, *records.audit);
    if (records.revisions != nullptr) revision_service.emplace(desk, *records.revisions);
    if (people.roster != nullptr) roster_service.emplace(desk, *people.roster);
    if (people.sign_in != nullptr) sign_in_service.emplace(desk, *people.sign_in);
    if (records.journal == nullptr) return;
    journal_service.emplace(desk, *records.journal);
    blob_service.emplace(desk, *records.blobs);
  }

  RpcCounts counts;
  SystemClock clock;
  Rates rates;
  Access access;
  WorkerPool workers;
  WorkerPool producers;
  Desk desk;
  StoreService store_service;
  WatchService watch_service;
  AdminService admin_service;
  std::optional<AuditService> audit_service;
  std::optional<RevisionService> revision_service;
  std::optional<RosterService> roster_service;
  std::optional<SignInService> sign_in_service;
  std::optional<JournalService> journal_service;
  std::optional<BlobService> blob_service;
  std::vector<std::string> addresses;
  std::unique_ptr<grpc::Server> server;
  std::optional<HealthTeller> health;
};

Result<std::unique_ptr<RpcServer>> RpcServer::start(const RpcConfig& config, Store& store,
                                                    Admin& admin, TokenReader& tokens,
                                                    const Records& records,
                                                    const Oversight& oversight,
                                                    const People& people) {
  wire::keep_grpc_alive();
  auto parts = std::make_unique<Parts>(config, store, admin, tokens, records, oversight, people);
  grpc::EnableDefaultHealthCheckService(true);
  reflect_protos();
  grpc::ServerBuilder builder;
  set_channel_arguments(builder);
  if (config.count_calls) {
    builder.experimental().SetInterceptorCreators(parts->counts.creators());
  }
  std::vector<int> ports(config.listen.size(), 0);
  for (std::size_t i = 0; i < config.listen.size(); ++i) {
    auto credentials = credentials_for(config.listen[i], config);
    if (!credentials) return credentials.error();
    builder.AddListeningPort(config.listen[i], *credentials, &ports[i]);
  }
  builder.RegisterService(&parts->store_service);
  builder.RegisterService(&parts->watch_service);
  builder.RegisterService(&parts->admin_service);
  if (parts->audit_service) builder.RegisterService(&*parts->audit_service);
  if (parts->revision_service) builder.RegisterService(&*parts->revision_service);
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
    open_to_all_users(address);
    parts->addresses.push_back(wire::is_unix(address) ? address : with_port(address, ports[i]));
  }
  if (oversight.readiness != nullptr) {
    parts->health.emplace(*oversight.readiness, *parts->server->GetHealthCheckService());
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

void RpcServer::measure(Figures& to) {
  Parts& parts = *parts_;
  parts.counts.measure(to);
  constexpr const char* kHelp = "Calls that wait for a thread.";
  to.level("outboard_rpc_queue", kHelp, static_cast<double>(parts.workers.waiting()),
           {{"threads", "calls"}});
  to.level("outboard_rpc_queue", kHelp, static_cast<double>(parts.producers.waiting()),
           {{"threads", "streams"}});
  to.level("outboard_watchers", "Watch streams that are open.",
           static_cast<double>(parts.watch_service.size()));
  to.level("outboard_arriving_bytes", "Content of batches that are arriving in parts.",
           static_cast<double>(parts.desk.arriving_bytes.load()));
  to.level("outboard_serving", "1 while the health service says SERVING.",
           !parts.health || parts.health->serving() ? 1 : 0);
}

void RpcServer::recheck_tokens() {
  parts_->watch_service.recheck();
}

void RpcServer::drain(Moment until) {
  if (!parts_->server) return;
  parts_->health.reset();
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
