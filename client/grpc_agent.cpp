#include "client/grpc_agent.h"

#include "client/channel.h"
#include "outboard/v1/agent.grpc.pb.h"
#include "proto/convert.h"

namespace outboard::client {
namespace {

using Stub = v1::AgentService::Stub;
using wire::Faults;

Timestamp timestamp(std::int64_t unix_ms) {
  return Timestamp{unix_ms * kNanosPerMilli};
}

SessionSummary read(const v1::SessionSummary& from, Faults& faults) {
  SessionSummary to;
  to.id = SessionId{wire::read_uuid("session", from.session(), faults)};
  to.creator = from.creator();
  to.state = from.state();
  to.head = from.head_seq();
  to.turn = from.turn();
  to.created = timestamp(from.created_unix_ms());
  to.diagnosis = from.diagnosis();
  to.title = from.title();
  return to;
}

AgentEvent read(const v1::SessionEvent& from) {
  return {from.seq(),   from.kind(), from.payload(),
          from.actor(), from.turn(), timestamp(from.at_unix_ms())};
}

bool tell(const v1::WatchSessionResponse& heard, AgentSink& sink, std::uint64_t& after) {
  switch (heard.what_case()) {
    case v1::WatchSessionResponse::kEvent:
      if (heard.event().seq() <= after) return true;
      after = heard.event().seq();
      return sink.on_event(read(heard.event()));
    case v1::WatchSessionResponse::kText:
      return sink.on_text(heard.text().turn(), heard.text().text());
    case v1::WatchSessionResponse::kOutput: {
      Faults faults;
      const OpId op{wire::read_uuid("op_id", heard.output().op_id(), faults)};
      return faults || sink.on_output(op, heard.output().offset(), heard.output().bytes());
    }
    case v1::WatchSessionResponse::kDroppedTurn: return sink.on_dropped(heard.dropped_turn());
    case v1::WatchSessionResponse::kIdle: return sink.on_idle();
    case v1::WatchSessionResponse::WHAT_NOT_SET: return true;
  }
  return true;
}

}  // namespace

struct GrpcAgent::Parts {
  explicit Parts(std::unique_ptr<Channel> opened)
      : channel(std::move(opened)), stub(v1::AgentService::NewStub(channel->channel())) {}

  template <class Request, class Response>
  Status call(Moment deadline,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request, Response* response) {
    return ask(*channel, bounded(deadline, kWriteDeadline), Again::yes,
               [&](grpc::ClientContext& context) {
                 return (stub.get()->*method)(&context, request, response);
               });
  }

  std::unique_ptr<Channel> channel;
  std::unique_ptr<Stub> stub;
};

GrpcAgent::GrpcAgent(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcAgent::~GrpcAgent() = default;

Result<std::unique_ptr<GrpcAgent>> GrpcAgent::open(const ChannelConfig& config) {
  auto channel = Channel::open(config);
  if (!channel) return channel.error();
  return std::unique_ptr<GrpcAgent>(new GrpcAgent(std::make_unique<Parts>(*std::move(channel))));
}

Result<bool> GrpcAgent::start(SessionId id, std::string_view model, std::string_view message,
                              Moment deadline) {
  v1::StartSessionRequest request;
  request.set_session(wire::write_uuid(id.uuid));
  request.set_model(std::string(model));
  request.set_message(std::string(message));
  v1::StartSessionResponse response;
  auto asked = parts_->call(deadline, &Stub::StartSession, request, &response);
  if (!asked) return std::move(asked).error();
  return response.existed();
}

Result<bool> GrpcAgent::send(SessionId id, const Uuid& message, std::string_view text,
                             Moment deadline) {
  v1::SendMessageRequest request;
  request.set_session(wire::write_uuid(id.uuid));
  request.set_message_id(wire::write_uuid(message));
  request.set_text(std::string(text));
  v1::SendMessageResponse response;
  auto asked = parts_->call(deadline, &Stub::SendMessage, request, &response);
  if (!asked) return std::move(asked).error();
  return response.repeated_message();
}

// A harness that is killed looks like any broken stream: UNAVAILABLE. One that drains says so, too.
Status GrpcAgent::watch(SessionId id, std::uint64_t after, AgentSink& sink,
                        std::chrono::milliseconds patience) {
  std::optional<Moment> away_since;
  Retry retry = parts_->channel->retry_until(Moment::max());
  for (;;) {
    grpc::ClientContext context;
    parts_->channel->identify(context, parts_->channel->token());
    v1::WatchSessionRequest request;
    request.set_session(wire::write_uuid(id.uuid));
    request.set_after_seq(after);
    const auto stream = parts_->stub->WatchSession(&context, request);
    v1::WatchSessionResponse heard;
    bool more = true;
    while (more && stream->Read(&heard)) {
      retry.reset();
      if (away_since) more = sink.on_back();
      away_since.reset();
      more = more && tell(heard, sink, after);
    }
    if (!more) context.TryCancel();
    const grpc::Status status = stream->Finish();
    if (!more) return success();
    const Error error = status.ok() ? Error{Code::unavailable, "the harness ended the stream"}
                                    : wire::to_error(status);
    const Moment now = std::chrono::steady_clock::now();
    if (!away_since && error.code == Code::unavailable && !sink.on_away(error)) return success();
    if (!away_since) away_since = now;
    const auto next = retry.next(error, now);
    if (!next || now - *away_since > patience) return error;
    std::this_thread::sleep_until(*next);
  }
}

Status GrpcAgent::interrupt(SessionId id, const Uuid& wanted, Moment deadline) {
  v1::InterruptRequest request;
  request.set_session(wire::write_uuid(id.uuid));
  request.set_request_id(wire::write_uuid(wanted));
  v1::InterruptResponse response;
  return parts_->call(deadline, &Stub::Interrupt, request, &response);
}

Status GrpcAgent::approve(SessionId id, OpId op, bool allow, std::string_view message,
                          Moment deadline) {
  v1::ApproveRequest request;
  request.set_session(wire::write_uuid(id.uuid));
  request.set_op_id(wire::write_uuid(op.uuid));
  request.set_allow(allow);
  request.set_message(std::string(message));
  v1::ApproveResponse response;
  return parts_->call(deadline, &Stub::Approve, request, &response);
}

Result<SessionSummary> GrpcAgent::describe(SessionId id, Moment deadline) {
  v1::DescribeSessionRequest request;
  request.set_session(wire::write_uuid(id.uuid));
  v1::DescribeSessionResponse response;
  auto asked = parts_->call(deadline, &Stub::DescribeSession, request, &response);
  if (!asked) return std::move(asked).error();
  Faults faults;
  return faults.or_error(read(response.session(), faults));
}

Result<SessionPage> GrpcAgent::find(std::string_view state, std::uint32_t limit,
                                    std::string_view page, Moment deadline) {
  v1::FindSessionsRequest request;
  request.set_state(std::string(state));
  request.set_limit(limit);
  request.set_page_token(std::string(page));
  v1::FindSessionsResponse response;
  auto asked = parts_->call(deadline, &Stub::FindSessions, request, &response);
  if (!asked) return std::move(asked).error();
  Faults faults;
  SessionPage found;
  for (const v1::SessionSummary& one : response.sessions()) {
    found.sessions.push_back(read(one, faults));
  }
  found.next = response.next_page_token();
  return faults.or_error(std::move(found));
}

}  // namespace outboard::client
