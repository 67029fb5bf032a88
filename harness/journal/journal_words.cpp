#include "harness/journal/journal_words.h"

namespace outboard::harness {
namespace {

v1::ToolCallState write(CallStage stage) {
  switch (stage) {
    case CallStage::intended: return v1::TOOL_CALL_STATE_INTENDED;
    case CallStage::awaiting_approval: return v1::TOOL_CALL_STATE_AWAITING_APPROVAL;
    case CallStage::approved: return v1::TOOL_CALL_STATE_APPROVED;
    case CallStage::dispatched: return v1::TOOL_CALL_STATE_DISPATCHED;
    case CallStage::finished: return v1::TOOL_CALL_STATE_FINISHED;
    case CallStage::denied: return v1::TOOL_CALL_STATE_DENIED;
    case CallStage::lost: return v1::TOOL_CALL_STATE_LOST;
  }
  CHECK(false);
}

v1::EffectClass write(Effect effect) {
  switch (effect) {
    case Effect::read: return v1::EFFECT_CLASS_READ;
    case Effect::write: return v1::EFFECT_CLASS_WRITE;
    case Effect::command: return v1::EFFECT_CLASS_COMMAND;
  }
  CHECK(false);
}

void write(const CallRow& row, v1::ToolCall* to) {
  to->set_op_id(wire::write_uuid(row.intent.op.uuid));
  to->set_turn(row.intent.turn);
  to->set_index(row.intent.index);
  to->set_tool(row.intent.tool);
  to->set_effect(write(row.intent.effect));
  to->set_state(write(row.stage));
  to->set_epoch(row.epoch.value);
  to->set_generation(row.generation.value);
  to->set_output_offset(row.offset);
  to->set_output_sha256(wire::write_digest(row.output));
}

}  // namespace

v1::SessionState write(SessionPhase phase) {
  switch (phase) {
    case SessionPhase::runnable: return v1::SESSION_STATE_RUNNABLE;
    case SessionPhase::running: return v1::SESSION_STATE_RUNNING;
    case SessionPhase::waiting: return v1::SESSION_STATE_WAITING;
    case SessionPhase::finished: return v1::SESSION_STATE_FINISHED;
    case SessionPhase::failed: return v1::SESSION_STATE_FAILED;
  }
  CHECK(false);
}

SessionPhase read(v1::SessionState state, wire::Faults& faults) {
  switch (static_cast<int>(state)) {
    case v1::SESSION_STATE_RUNNABLE: return SessionPhase::runnable;
    case v1::SESSION_STATE_RUNNING: return SessionPhase::running;
    case v1::SESSION_STATE_WAITING: return SessionPhase::waiting;
    case v1::SESSION_STATE_FINISHED: return SessionPhase::finished;
    case v1::SESSION_STATE_FAILED: return SessionPhase::failed;
    default: faults.unknown("state"); return SessionPhase::waiting;
  }
}

SessionInfo read(const v1::Session& from, wire::Faults& faults) {
  SessionInfo info;
  info.id = SessionId{wire::read_uuid("id", from.id(), faults)};
  info.creator = from.creator();
  info.agent_revision = from.agent_revision();
  info.phase = read(from.state(), faults);
  info.head = from.head_seq();
  info.epoch = Epoch{from.epoch()};
  info.worker = from.worker();
  info.wake_unix_ms = from.wake_unix_ms();
  info.diagnosis = from.diagnosis();
  info.created = Timestamp{from.created_unix_ms() * kNanosPerMilli};
  return info;
}

Status write(const Append& append, v1::AppendRequest* to) {
  to->set_session(wire::write_uuid(append.session.uuid));
  to->set_epoch(append.epoch.value);
  to->set_after_seq(append.after);
  for (const Draft& draft : append.drafts) {
    auto encoded = encode(draft.event);
    if (!encoded) return std::move(encoded).error();
    v1::Event& event = *to->add_events();
    event.set_kind(encoded->kind);
    event.set_payload_version(encoded->version);
    event.set_payload(encoded->payload);
    event.set_actor(actor_of(draft.event));
    event.set_turn(append.turn);
    event.set_inbox_client_id(wire::write_uuid(draft.inbox));
  }
  for (const CallRow& row : append.calls) write(row, to->add_calls());
  const std::uint64_t tokens =
      append.spent.input + append.spent.output + append.spent.cache_read + append.spent.cache_write;
  to->mutable_spent()->set_tokens(tokens);
  return success();
}

void write(const Release& release, v1::ReleaseRequest* to) {
  to->set_session(wire::write_uuid(release.session.uuid));
  to->set_epoch(release.epoch.value);
  to->set_state(write(release.phase));
  to->set_wake_unix_ms(release.wake_unix_ms);
  to->set_diagnosis(release.diagnosis);
}

void write(const InboxItem& item, v1::PostRequest* to) {
  to->set_client_id(wire::write_uuid(item.client_id));
  if (const auto* text = std::get_if<std::string>(&item.content)) {
    to->set_message(*text);
  } else if (const auto* approval = std::get_if<Approval>(&item.content)) {
    to->mutable_approval()->set_op_id(wire::write_uuid(approval->op.uuid));
    to->mutable_approval()->set_allow(approval->allow);
    to->mutable_approval()->set_message(approval->message);
  } else {
    to->set_interrupt(true);
  }
}

Result<Record> read(const v1::Event& from) {
  wire::Faults faults;
  auto event = decode({from.kind(), from.payload_version(), from.payload()});
  if (!event) return std::move(event).error();
  Record record{from.seq(),
                *std::move(event),
                from.actor(),
                from.turn(),
                Timestamp{from.at_unix_ms() * kNanosPerMilli},
                wire::read_uuid("inbox_client_id", from.inbox_client_id(), faults)};
  return faults.or_error(std::move(record));
}

InboxItem read(const v1::InboxItem& from, wire::Faults& faults) {
  InboxItem item;
  item.client_id = wire::read_uuid("client_id", from.client_id(), faults);
  item.author = from.author();
  item.at = Timestamp{from.at_unix_ms() * kNanosPerMilli};
  switch (from.item_case()) {
    case v1::InboxItem::kMessage: item.content = from.message(); break;
    case v1::InboxItem::kInterrupt: item.content = InterruptRequest{}; break;
    case v1::InboxItem::kApproval:
      item.content = Approval{OpId{wire::read_uuid("op_id", from.approval().op_id(), faults)},
                              from.approval().allow(), from.approval().message()};
      break;
    case v1::InboxItem::ITEM_NOT_SET: faults.unknown("item"); break;
  }
  return item;
}

}  // namespace outboard::harness
