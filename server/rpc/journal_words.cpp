#include "server/rpc/journal_words.h"

#include <limits>

namespace outboard::server {
namespace {

using wire::Faults;

static_assert(static_cast<int>(SessionState::runnable) == v1::SESSION_STATE_RUNNABLE);
static_assert(static_cast<int>(SessionState::failed) == v1::SESSION_STATE_FAILED);
static_assert(static_cast<int>(EffectClass::read) == v1::EFFECT_CLASS_READ);
static_assert(static_cast<int>(EffectClass::command) == v1::EFFECT_CLASS_COMMAND);
static_assert(static_cast<int>(ToolCallState::intended) == v1::TOOL_CALL_STATE_INTENDED);
static_assert(static_cast<int>(ToolCallState::lost) == v1::TOOL_CALL_STATE_LOST);

// The numbers are the same on both sides, from `first` to `last`.
template <class Enum>
Enum read_enum(std::string_view field, int value, Enum first, Enum last, Faults& faults) {
  if (value == 0) faults.broken(field, "must be set");
  if (value < static_cast<int>(first) || value > static_cast<int>(last)) {
    faults.unknown(field);
    return first;
  }
  return static_cast<Enum>(value);
}

SessionState read_state(int value, Faults& faults) {
  return read_enum("state", value, SessionState::runnable, SessionState::failed, faults);
}

void write(const Budget& budget, v1::Budget* to) {
  to->set_tokens(budget.tokens);
  to->set_cost_microdollars(budget.cost_microdollars);
  to->set_wall_ms(budget.wall_ms);
  to->set_sandbox_ms(budget.sandbox_ms);
}

Budget read(const v1::Budget& from, Faults& faults) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max() / 1'000'000;
  const Budget budget{from.tokens(), from.cost_microdollars(), from.wall_ms(), from.sandbox_ms()};
  for (const std::uint64_t part :
       {budget.tokens, budget.cost_microdollars, budget.wall_ms, budget.sandbox_ms}) {
    if (part > kMost) faults.broken("budget or spent", "has a number that is too large");
  }
  return budget;
}

SessionEvent read(const v1::Event& from, Faults& faults) {
  SessionEvent event;
  event.kind = from.kind();
  event.payload_version = from.payload_version();
  event.payload = from.payload();
  event.actor = from.actor();
  event.turn = from.turn();
  event.inbox = wire::read_uuid("inbox_client_id", from.inbox_client_id(), faults);
  return event;
}

ToolCall read(const v1::ToolCall& from, Faults& faults) {
  ToolCall call;
  call.op = OpId{wire::read_uuid("op_id", from.op_id(), faults)};
  call.turn = from.turn();
  call.index = from.index();
  call.tool = from.tool();
  call.effect = read_enum("effect", from.effect(), EffectClass::read, EffectClass::command, faults);
  call.state =
      read_enum("state", from.state(), ToolCallState::intended, ToolCallState::lost, faults);
  call.epoch = Epoch{from.epoch()};
  call.generation = Generation{from.generation()};
  call.output_offset = from.output_offset();
  call.output = wire::read_digest("output_sha256", from.output_sha256(), faults);
  return call;
}

void write(const Approval& approval, v1::Approval* to) {
  to->set_op_id(wire::write_uuid(approval.op.uuid));
  to->set_allow(approval.allow);
  to->set_message(approval.message);
}

}  // namespace

SessionId read_session(std::string_view field, const std::string& bytes, Faults& faults) {
  const SessionId session{wire::read_uuid(field, bytes, faults)};
  if (!session) faults.broken(field, "must name a session");
  return session;
}

void write(const Session& session, v1::Session* to) {
  to->set_id(wire::write_uuid(session.id.uuid));
  to->set_organisation(session.organisation);
  to->set_creator(session.creator);
  to->set_parent(wire::write_uuid(session.parent.uuid));
  to->set_agent_revision(session.agent_revision);
  to->set_state(static_cast<v1::SessionState>(session.state));
  to->set_head_seq(session.head_seq);
  to->set_epoch(session.epoch.value);
  to->set_generation(session.generation.value);
  to->set_worker(session.worker);
  to->set_lease_unix_ms(session.lease_unix_ms);
  to->set_wake_unix_ms(session.wake_unix_ms);
  write(session.budget, to->mutable_budget());
  write(session.spent, to->mutable_spent());
  to->set_crash_count(session.crash_count);
  to->set_diagnosis(session.diagnosis);
  to->set_created_unix_ms(session.created_unix_ms);
}

void write(const SessionEvent& event, v1::Event* to) {
  to->set_seq(event.seq);
  to->set_kind(event.kind);
  to->set_payload_version(event.payload_version);
  to->set_payload(event.payload);
  to->set_actor(event.actor);
  to->set_turn(event.turn);
  to->set_at_unix_ms(event.at_unix_ms);
  to->set_inbox_client_id(wire::write_uuid(event.inbox));
}

void write(const ToolCall& call, v1::ToolCall* to) {
  to->set_op_id(wire::write_uuid(call.op.uuid));
  to->set_turn(call.turn);
  to->set_index(call.index);
  to->set_tool(call.tool);
  to->set_effect(static_cast<v1::EffectClass>(call.effect));
  to->set_state(static_cast<v1::ToolCallState>(call.state));
  to->set_epoch(call.epoch.value);
  to->set_generation(call.generation.value);
  to->set_output_offset(call.output_offset);
  to->set_output_sha256(wire::write_digest(call.output));
}

void write(const InboxItem& item, v1::InboxItem* to) {
  to->set_client_id(wire::write_uuid(item.client_id));
  to->set_author(item.author);
  to->set_at_unix_ms(item.at_unix_ms);
  if (const auto* text = std::get_if<std::string>(&item.content)) {
    to->set_message(*text);
  } else if (const auto* approval = std::get_if<Approval>(&item.content)) {
    write(*approval, to->mutable_approval());
  } else {
    to->set_interrupt(true);
  }
}

NewSession read(const v1::CreateSessionRequest& from, Faults& faults) {
  return {SessionId{wire::read_uuid("id", from.id(), faults)}, from.agent_revision(),
          SessionId{wire::read_uuid("parent", from.parent(), faults)}, read(from.budget(), faults)};
}

SessionQuery read(const v1::ListSessionsRequest& from, Faults& faults) {
  SessionQuery query{std::nullopt, from.creator(), from.limit(), from.page_token()};
  if (from.state() != v1::SESSION_STATE_UNSPECIFIED) query.state = read_state(from.state(), faults);
  return query;
}

ReleaseRequest read(const v1::ReleaseRequest& from, Faults& faults) {
  return {read_session("session", from.session(), faults), Epoch{from.epoch()},
          read_state(from.state(), faults), from.wake_unix_ms(), from.diagnosis()};
}

AppendRequest read(const v1::AppendRequest& from, Faults& faults) {
  AppendRequest request;
  request.session = read_session("session", from.session(), faults);
  request.epoch = Epoch{from.epoch()};
  for (const v1::Event& event : from.events()) request.events.push_back(read(event, faults));
  for (const v1::ToolCall& call : from.calls()) request.calls.push_back(read(call, faults));
  request.spent = read(from.spent(), faults);
  if (from.has_after_seq()) request.after_seq = from.after_seq();
  const bool other =
      from.state() != v1::SESSION_STATE_UNSPECIFIED && from.state() != v1::SESSION_STATE_RUNNING;
  if (other) faults.broken("state", "cannot be changed by an append yet: use Release after it");
  return request;
}

InboxItem read(const v1::PostRequest& from, Faults& faults) {
  InboxItem item;
  item.client_id = wire::read_uuid("client_id", from.client_id(), faults);
  switch (from.item_case()) {
    case v1::PostRequest::kMessage: item.content = from.message(); break;
    case v1::PostRequest::kInterrupt: item.content = Interrupt{}; break;
    case v1::PostRequest::kApproval:
      item.content = Approval{OpId{wire::read_uuid("op_id", from.approval().op_id(), faults)},
                              from.approval().allow(), from.approval().message()};
      break;
    case v1::PostRequest::ITEM_NOT_SET: faults.unknown("item"); break;
  }
  return item;
}

}  // namespace outboard::server
