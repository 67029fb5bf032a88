#include "harness/api/agent_words.h"

#include <nlohmann/json.hpp>

#include "harness/session/limits.h"
#include "proto/convert.h"

namespace outboard::harness {
namespace {

using nlohmann::json;

constexpr std::size_t kTitleCharsMax = 80;
// Bodies larger than this stay in their blob: with two of them a message is within its limit.
constexpr std::uint64_t kBodyBytesMax = 1U << 20U;

std::int64_t unix_ms(Timestamp at) {
  return at.nanoseconds / 1'000'000;
}

// {"blob": …, "size": …} gets its "text".
Status fill_in(json& body, Blobs& blobs, Moment deadline) {
  if (!body.is_object() || !body.contains("blob")) return success();
  if (body.value("size", std::uint64_t{0}) > kBodyBytesMax) return success();
  const auto digest = parse_sha256(body["blob"].get<std::string>());
  if (!digest) return success();
  auto words = blobs.get(*digest, deadline);
  if (!words) return std::move(words).error();
  body["text"] = *std::move(words);
  return success();
}

}  // namespace

Result<v1::SessionEvent> write_event(const Record& record, Blobs& blobs, Moment deadline) {
  auto encoded = encode(record.event);
  if (!encoded) return std::move(encoded).error();
  if (encoded->payload.find("\"blob\"") != std::string::npos) {
    json payload = json::parse(encoded->payload, nullptr, false);
    for (auto& field : payload) {
      if (auto filled = fill_in(field, blobs, deadline); !filled) return std::move(filled).error();
    }
    encoded->payload = payload.dump(-1, ' ', false, json::error_handler_t::replace);
  }
  v1::SessionEvent event;
  event.set_seq(record.seq);
  event.set_kind(encoded->kind);
  event.set_payload(std::move(encoded->payload));
  event.set_actor(record.actor);
  event.set_turn(record.turn);
  event.set_at_unix_ms(unix_ms(record.at));
  return event;
}

v1::WatchSessionResponse write_live(const LivePart& part) {
  v1::WatchSessionResponse message;
  switch (part.kind) {
    case LiveKind::text:
      message.mutable_text()->set_turn(part.turn);
      message.mutable_text()->set_text(clip(part.bytes, part.bytes.size()));
      return message;
    case LiveKind::output:
      message.mutable_output()->set_op_id(wire::write_uuid(part.op.uuid));
      message.mutable_output()->set_offset(part.offset);
      message.mutable_output()->set_bytes(part.bytes);
      return message;
    case LiveKind::dropped: message.set_dropped_turn(part.turn); return message;
  }
  CHECK(false);
}

Glimpse glimpse(Journal& journal, const SessionInfo& info, Moment deadline) {
  Glimpse seen;
  if (info.head == 0) return seen;
  (void)journal.replay(
      info.id, 0,
      [&](const Record& record) {
        const auto* said = std::get_if<UserMessage>(&record.event);
        if (said != nullptr) seen.title = clip(said->text.text, kTitleCharsMax);
        return said == nullptr && !std::holds_alternative<ModelAsked>(record.event);
      },
      deadline);
  (void)journal.replay(
      info.id, info.head - 1,
      [&](const Record& record) {
        seen.turn = record.turn;
        return true;
      },
      deadline);
  return seen;
}

void write(const SessionInfo& info, const Glimpse& glimpse, v1::SessionSummary* to) {
  to->set_session(wire::write_uuid(info.id.uuid));
  to->set_creator(info.creator);
  to->set_state(std::string(name_of(info.phase)));
  to->set_head_seq(info.head);
  to->set_turn(glimpse.turn);
  to->set_created_unix_ms(unix_ms(info.created));
  to->set_diagnosis(info.diagnosis);
  to->set_title(glimpse.title);
}

Result<SessionPhase> parse_phase(const std::string& name) {
  for (const SessionPhase phase :
       {SessionPhase::runnable, SessionPhase::running, SessionPhase::waiting,
        SessionPhase::finished, SessionPhase::failed}) {
    if (name_of(phase) == name) return phase;
  }
  return Error{Code::invalid,
               "a session is never \"" + name +
                   "\"; ask for runnable, running, waiting, finished, failed, or none of them",
               name};
}

}  // namespace outboard::harness
