#include "harness/session/event.h"

#include <algorithm>
#include <type_traits>

namespace outboard::harness {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Bytes of the well-formed UTF-8 character at `i`; 0 when there is none.
std::size_t character_at(std::string_view text, std::size_t i) {
  const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const auto follows = [&](std::size_t at) {
    return at < text.size() && (byte(at) & 0xC0u) == 0x80;
  };
  const unsigned first = byte(i);
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return follows(i + 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if (!follows(i + 1) || !follows(i + 2)) return 0;
    const unsigned second = byte(i + 1);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return 3;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if (!follows(i + 1) || !follows(i + 2) || !follows(i + 3)) return 0;
    const unsigned second = byte(i + 1);
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return 4;
  }
  return 0;
}

template <class T>
struct KindOf;
#define OUTBOARD_EVENT_KIND(type, text)               \
  template <>                                         \
  struct KindOf<type> {                               \
    static constexpr std::string_view kName = (text); \
  }
OUTBOARD_EVENT_KIND(SessionStarted, "session_started");
OUTBOARD_EVENT_KIND(Claimed, "claimed");
OUTBOARD_EVENT_KIND(HandedOver, "handed_over");
OUTBOARD_EVENT_KIND(UserMessage, "user_message");
OUTBOARD_EVENT_KIND(Interrupted, "interrupted");
OUTBOARD_EVENT_KIND(SessionFailed, "session_failed");
OUTBOARD_EVENT_KIND(SessionFinished, "session_finished");
OUTBOARD_EVENT_KIND(ModelAsked, "model_asked");
OUTBOARD_EVENT_KIND(ModelAnswered, "model_answered");
OUTBOARD_EVENT_KIND(ModelFailed, "model_failed");
OUTBOARD_EVENT_KIND(CallIntended, "call_intended");
OUTBOARD_EVENT_KIND(CallApproved, "call_approved");
OUTBOARD_EVENT_KIND(CallDenied, "call_denied");
OUTBOARD_EVENT_KIND(CallDispatched, "call_dispatched");
OUTBOARD_EVENT_KIND(CallProgress, "call_progress");
OUTBOARD_EVENT_KIND(CallFinished, "call_finished");
OUTBOARD_EVENT_KIND(CallLost, "call_lost");
OUTBOARD_EVENT_KIND(InboxRefused, "inbox_refused");
OUTBOARD_EVENT_KIND(SandboxIntended, "sandbox_intended");
#undef OUTBOARD_EVENT_KIND

}  // namespace

std::string clip(std::string_view text, std::size_t bytes_max) {
  std::string out;
  out.reserve(std::min(text.size(), bytes_max));
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t size = character_at(text, i);
    const std::string_view next = size == 0 ? kReplacement : text.substr(i, size);
    if (out.size() + next.size() > bytes_max) break;
    out.append(next);
    i += size == 0 ? 1 : size;
  }
  return out;
}

Usage& Usage::operator+=(const Usage& more) {
  input += more.input;
  output += more.output;
  cache_read += more.cache_read;
  cache_write += more.cache_write;
  return *this;
}

std::string_view kind_of(const Event& event) {
  return std::visit([](const auto& e) { return KindOf<std::decay_t<decltype(e)>>::kName; }, event);
}

std::string actor_of(const Event& event) {
  return std::visit(
      [](const auto& e) -> std::string {
        using T = std::decay_t<decltype(e)>;
        if constexpr (requires { e.author; }) {
          if (!e.author.empty()) return "user:" + e.author;
        }
        if constexpr (std::is_same_v<T, ModelAnswered> || std::is_same_v<T, CallIntended>) {
          return "model";
        } else {
          return "harness";
        }
      },
      event);
}

OpId op_id_of(SessionId session, std::uint64_t turn, std::uint32_t index) {
  return OpId{named_uuid(session.uuid, std::to_string(turn) + "/" + std::to_string(index))};
}

}  // namespace outboard::harness
