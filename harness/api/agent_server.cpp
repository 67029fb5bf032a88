#include "harness/api/agent_server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "harness/api/agent_words.h"
#include "harness/api/watch_call.h"
#include "harness/session/agent_choice.h"
#include "harness/session/limits.h"
#include "outboard/v1/agent.grpc.pb.h"
#include "proto/convert.h"
#include "proto/endpoint.h"
#include "proto/grpc_life.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

using Context = grpc::CallbackServerContext;

constexpr std::size_t kCallers = 8;
constexpr std::size_t kCallQueueMax = 256;
constexpr std::size_t kWatchesMax = 256;
constexpr std::uint32_t kFoundDefault = 100;
constexpr std::uint32_t kFoundMax = 1'000;
constexpr std::string_view kBearer = "Bearer ";

// Empty: none was shown. The server says what that means.
std::string token_of(const Context& context) {
  const auto [begin, end] = context.client_metadata().equal_range("authorization");
  if (begin == end || std::next(begin) != end) return {};
  const std::string_view value(begin->second.data(), begin->second.size());
  return value.starts_with(kBearer) ? std::string(value.substr(kBearer.size())) : std::string();
}

// No call holds a thread for longer than kCallDeadlineMax.
Moment deadline_of(const Context& context) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  const auto now = std::chrono::steady_clock::now();
  if (left >= kCallDeadlineMax) return now + kCallDeadlineMax;
  return now + std::chrono::duration_cast<Moment::duration>(left);
}

Error too_busy() {
  Error error{Code::unavailable, "this harness has too many calls waiting; try again", {}};
  error.retry_after_ms = static_cast<std::uint32_t>(kRpcRetryAfter.count());
  return error;
}

Result<Uuid> read_id(std::string_view field, const std::string& bytes) {
  wire::Faults faults;
  const Uuid id = wire::read_uuid(field, bytes, faults);
  if (!faults && !id) faults.broken(field, "is missing; make a random uuid");
  return faults.or_error(id);
}

Status check_message(const std::string& text) {
  if (text.size() <= kMessageCharsMax) return success();
  return Error{Code::too_big, "a message of " + std::to_string(text.size()) + " bytes: at most " +
                                  std::to_string(kMessageCharsMax) +
                                  "; put it in a file of a volume and name that"};
}

class AgentCalls final : public v1::AgentService::CallbackService {
 public:
  explicit AgentCalls(AgentParts parts)
      : parts_(std::move(parts)), threads_(kCallers, kCallQueueMax, kWatchesMax) {}

  Watches& watches() { return watches_; }

  grpc::ServerUnaryReactor* StartSession(Context* context, const v1::StartSessionRequest* request,
                                         v1::StartSessionResponse* response) override {
    return on_thread(context, request->session(), [this, request, response](Desk& desk) {
      return start(desk, *request, response);
    });
  }

  grpc::ServerUnaryReactor* SendMessage(Context* context, const v1::SendMessageRequest* request,
                                        v1::SendMessageResponse* response) override {
    return on_thread(context, request->session(), [request, response](Desk& desk) -> Status {
      auto id = read_id("message_id", request->message_id());
      if (!id) return std::move(id).error();
      if (auto good = check_message(request->text()); !good) return good;
      auto posted =
          desk.journal().post(desk.session, {*id, "", {}, request->text()}, desk.deadline);
      if (!posted) return std::move(posted).error();
      response->set_repeated_message(*posted);
      return success();
    });
  }

  grpc::ServerWriteReactor<v1::WatchSessionResponse>* WatchSession(
      Context* context, const v1::WatchSessionRequest* request) override {
    // A nil session is not_found like any other that is not there.
    wire::Faults faults;
    const SessionId session{wire::read_uuid("session", request->session(), faults)};
    auto call = std::make_shared<WatchCall>(parts_.open(token_of(*context)), parts_.clock, session,
                                            watches_);
    call->begin(request->after_seq(), parts_.live, threads_);
    return call.get();
  }

  grpc::ServerUnaryReactor* Interrupt(Context* context, const v1::InterruptRequest* request,
                                      v1::InterruptResponse*) override {
    return on_thread(context, request->session(), [request](Desk& desk) -> Status {
      auto id = read_id("request_id", request->request_id());
      if (!id) return std::move(id).error();
      auto posted =
          desk.journal().post(desk.session, {*id, "", {}, InterruptRequest{}}, desk.deadline);
      if (!posted) return std::move(posted).error();
      return success();
    });
  }

  grpc::ServerUnaryReactor* Approve(Context* context, const v1::ApproveRequest* request,
                                    v1::ApproveResponse*) override {
    return on_thread(context, request->session(),
                     [this, request](Desk& desk) { return approve(desk, *request); });
  }

  grpc::ServerUnaryReactor* DescribeSession(Context* context,
                                            const v1::DescribeSessionRequest* request,
                                            v1::DescribeSessionResponse* response) override {
    return on_thread(context, request->session(), [response](Desk& desk) -> Status {
      auto info = desk.journal().describe(desk.session, desk.deadline);
      if (!info) return std::move(info).error();
      write(*info, glimpse(desk.journal(), *info, desk.deadline), response->mutable_session());
      return success();
    });
  }

  grpc::ServerUnaryReactor* FindSessions(Context* context, const v1::FindSessionsRequest* request,
                                         v1::FindSessionsResponse* response) override {
    return on_thread(context, {}, [request, response](Desk& desk) -> Status {
      SessionQuery query;
      if (!request->state().empty()) {
        auto phase = parse_phase(request->state());
        if (!phase) return std::move(phase).error();
        query.phase = *phase;
      }
      query.limit = request->limit() == 0 ? kFoundDefault : std::min(request->limit(), kFoundMax);
      query.page = request->page_token();
      auto found = desk.journal().find(query, desk.deadline);
      if (!found) return std::move(found).error();
      for (const SessionInfo& info : found->sessions) {
        write(info, glimpse(desk.journal(), info, desk.deadline), response->add_sessions());
      }
      response->set_next_page_token(found->next_page);
      return success();
    });
  }

 private:
  // One call: what its caller may reach, and the session it is about.
  struct Desk {
    Records records;
    SessionId session;
    Moment deadline;
    Journal& journal() const { return *records.journal; }
  };

  template <class Body>
  grpc::ServerUnaryReactor* on_thread(Context* context, const std::string& session, Body body) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    wire::Faults faults;
    const SessionId id{wire::read_uuid("session", session, faults)};
    if (faults) {
      reactor->Finish(wire::to_status(faults.error()));
      return reactor;
    }
    const bool queued = threads_.offer([this, context, reactor, id, body = std::move(body)] {
      Desk desk{parts_.open(token_of(*context)), id, deadline_of(*context)};
      const Status done = body(desk);
      reactor->Finish(done ? grpc::Status::OK : wire::to_status(done.error()));
    });
    if (!queued) reactor->Finish(wire::to_status(too_busy()));
    return reactor;
  }

  Status start(Desk& desk, const v1::StartSessionRequest& request,
               v1::StartSessionResponse* response) {
    AgentChoice choice;
    if (!request.agent().empty() && request.agent() != choice.agent) {
      return Error{Code::unsupported,
                   "there is no agent \"" + request.agent() +
                       "\"; agents of one's own are not built yet, leave it unset",
                   request.agent()};
    }
    choice.model = request.model().empty() ? parts_.model : request.model();
    if (auto good = parts_.check_model(choice.model); !good) return good;
    if (auto good = check_message(request.message()); !good) return good;
    auto created = desk.journal().create({desk.session, write_choice(choice), {}}, desk.deadline);
    if (!created) return std::move(created).error();
    response->set_existed(created->existed);
    if (request.message().empty()) return success();
    // The first message's id follows from the session's, so that a repeated start says it once.
    const Uuid first = named_uuid(desk.session.uuid, "first message");
    auto posted =
        desk.journal().post(desk.session, {first, "", {}, request.message()}, desk.deadline);
    if (!posted) return std::move(posted).error();
    return success();
  }

  Status approve(Desk& desk, const v1::ApproveRequest& request) {
    auto op = read_id("op_id", request.op_id());
    if (!op) return std::move(op).error();
    State state;
    auto read = desk.journal().replay(
        desk.session, 0,
        [&](const Record& record) {
          state = fold(std::move(state), record.event);
          return true;
        },
        desk.deadline);
    if (!read) return read;
    const CallState* call = state.find(OpId{*op});
    // An answer by id of call and verdict: whoever says the same again has said it once.
    const Uuid id = named_uuid(*op, request.allow() ? "allow" : "deny");
    if (call == nullptr || call->stage != CallStage::awaiting_approval) {
      const CallStage said = request.allow() ? CallStage::approved : CallStage::denied;
      if (call != nullptr && call->stage == said) return success();
      return Error{
          Code::invalid,
          "call " + to_string(*op) +
              " waits for nobody's word (any more); `outboard session show` says what does",
          to_string(*op)};
    }
    const Approval approval{OpId{*op}, request.allow(), request.message()};
    auto posted = desk.journal().post(desk.session, {id, "", {}, approval}, desk.deadline);
    if (!posted) return std::move(posted).error();
    return success();
  }

  const AgentParts parts_;
  Watches watches_;
  CallThreads threads_;
};

// Room for the largest message of a person and its envelope.
constexpr int kReceiveBytesMax = static_cast<int>(kMessageBytesMax);

Result<int> add_port(grpc::ServerBuilder& builder, const std::string& address, int* port) {
  if (!wire::is_unix(address) && !wire::is_loopback(address)) {
    return Error{Code::unsupported,
                 "will not listen on " + address +
                     ": tokens would cross the network in the clear, and TLS is not built here "
                     "yet; listen on loopback or a unix socket and put a TLS proxy before it",
                 address};
  }
  builder.AddListeningPort(address, grpc::InsecureServerCredentials(), port);
  return 0;
}

}  // namespace

// The server goes first, by drain().
struct AgentServer::Parts {
  explicit Parts(AgentParts given) : calls(std::move(given)) {}
  AgentCalls calls;
  std::vector<std::string> addresses;
  std::unique_ptr<grpc::Server> server;
};

AgentServer::AgentServer(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

AgentServer::~AgentServer() {
  drain(std::chrono::steady_clock::now());
}

Result<std::unique_ptr<AgentServer>> AgentServer::start(const std::vector<std::string>& listen,
                                                        AgentParts given) {
  wire::keep_grpc_alive();
  auto parts = std::make_unique<Parts>(std::move(given));
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kReceiveBytesMax);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(kKeepaliveInterval.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(kKeepaliveTimeout.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             static_cast<int>(kKeepaliveInterval.count() / 2));
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::vector<int> ports(listen.size(), 0);
  for (std::size_t i = 0; i < listen.size(); ++i) {
    if (auto added = add_port(builder, listen[i], &ports[i]); !added) return added.error();
  }
  builder.RegisterService(&parts->calls);
  parts->server = builder.BuildAndStart();
  for (std::size_t i = 0; i < listen.size(); ++i) {
    if (!parts->server || ports[i] == 0) {
      return Error{Code::unavailable,
                   "cannot listen on " + listen[i] +
                       "; is another harness there, and may this user open it?",
                   listen[i]};
    }
    const std::string host = listen[i].substr(0, listen[i].rfind(':') + 1);
    parts->addresses.push_back(wire::is_unix(listen[i]) ? listen[i]
                                                        : host + std::to_string(ports[i]));
  }
  return std::unique_ptr<AgentServer>(new AgentServer(std::move(parts)));
}

const std::vector<std::string>& AgentServer::addresses() const {
  return parts_->addresses;
}

void AgentServer::drain(Moment until) {
  if (!parts_->server) return;
  parts_->calls.watches().end_all();
  const auto left = until - std::chrono::steady_clock::now();
  parts_->server->Shutdown(std::chrono::system_clock::now() +
                           std::chrono::duration_cast<std::chrono::milliseconds>(left));
  parts_->server.reset();
}

}  // namespace outboard::harness
