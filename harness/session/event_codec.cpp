// Events to JSON and back. The only place that knows the payloads' fields; adding a field is
// compatible (absent: its default), changing the meaning of one raises the kind's version.
#include <array>
#include <nlohmann/json.hpp>

#include "harness/session/event.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

using nlohmann::json;

constexpr std::uint32_t kPayloadVersion = 1;

struct Malformed {
  std::string why;
};

constexpr std::array<std::string_view, 3> kEffects{"read", "write", "command"};
constexpr std::array<std::string_view, 5> kStops{"end_turn", "tool_use", "max_tokens", "refusal",
                                                 "other"};

// ── Writing ──

std::string text_of(const Sha256& digest) {
  return to_string(digest);
}

json write_body(const Body& body) {
  if (body.blob) return {{"blob", text_of(*body.blob)}, {"size", body.size}};
  return {{"text", body.text}};
}

void put_digest(json& to, const char* name, const std::optional<Sha256>& digest) {
  if (digest) to[name] = text_of(*digest);
}

json write(const SessionStarted& e) {
  return {{"agent", e.agent},
          {"model", e.model},
          {"system", write_body(e.system)},
          {"tools", write_body(e.tools)},
          {"approve", e.approve},
          {"one_shot", e.one_shot}};
}
json write(const Claimed& e) {
  return {{"epoch", e.epoch.value}, {"worker", e.worker}};
}
json write(const HandedOver& e) {
  return {{"epoch", e.epoch.value}};
}
json write(const SandboxIntended& e) {
  return {{"generation", e.generation.value}};
}
json write(const UserMessage& e) {
  return {{"author", e.author}, {"text", write_body(e.text)}};
}
json write(const InboxRefused& e) {
  return {{"author", e.author}, {"why", e.why}};
}
json write(const Interrupted& e) {
  return {{"author", e.author}};
}
json write(const SessionFailed& e) {
  return {{"code", e.code}, {"diagnosis", e.diagnosis}};
}
json write(const SessionFinished&) {
  return json::object();
}
json write(const ModelAsked& e) {
  return {{"turn", e.turn}, {"attempt", e.attempt}, {"prompt", text_of(e.prompt)}};
}
json write(const ModelAnswered& e) {
  return {{"turn", e.turn},
          {"text", write_body(e.text)},
          {"stop", kStops.at(static_cast<std::size_t>(e.stop))},
          {"usage",
           {{"input", e.usage.input},
            {"output", e.usage.output},
            {"cache_read", e.usage.cache_read},
            {"cache_write", e.usage.cache_write}}}};
}
json write(const ModelFailed& e) {
  return {{"turn", e.turn},
          {"code", e.code},
          {"message", e.message},
          {"retry_unix_ms", e.retry_unix_ms}};
}
json write(const CallIntended& e) {
  return {{"op", to_string(e.op)},
          {"turn", e.turn},
          {"index", e.index},
          {"use_id", e.use_id},
          {"tool", e.tool},
          {"effect", kEffects.at(static_cast<std::size_t>(e.effect))},
          {"input", write_body(e.input)},
          {"needs_approval", e.needs_approval}};
}
json write(const CallApproved& e) {
  return {{"op", to_string(e.op)}, {"author", e.author}};
}
json write(const CallDenied& e) {
  return {{"op", to_string(e.op)}, {"author", e.author}, {"message", e.message}};
}
json write(const CallDispatched& e) {
  json out{{"op", to_string(e.op)},
           {"epoch", e.epoch.value},
           {"generation", e.generation.value},
           {"done", write_body(e.done)}};
  put_digest(out, "before", e.before);
  put_digest(out, "after", e.after);
  return out;
}
json write(const CallProgress& e) {
  return {{"op", to_string(e.op)}, {"offset", e.offset}, {"part", write_body(e.part)}};
}
json write(const CallFinished& e) {
  json out{{"op", to_string(e.op)},
           {"is_error", e.is_error},
           {"result", write_body(e.result)},
           {"seen", e.seen}};
  put_digest(out, "output", e.output);
  return out;
}
json write(const CallLost& e) {
  return {{"op", to_string(e.op)}, {"result", write_body(e.result)}};
}

// ── Reading: an absent field has its default, one of another type is damage ──

template <class T>
T get(const json& from, const char* name) {
  return from.value(name, T{});
}

Sha256 read_digest(const json& text) {
  const auto digest = parse_sha256(text.get<std::string>());
  if (!digest) throw Malformed{"a digest that is not 64 hexadecimal digits"};
  return *digest;
}

std::optional<Sha256> get_digest(const json& from, const char* name) {
  if (!from.contains(name)) return std::nullopt;
  return read_digest(from.at(name));
}

Body get_body(const json& from, const char* name) {
  if (!from.contains(name)) return {};
  const json& body = from.at(name);
  if (body.contains("blob")) {
    return {"", read_digest(body.at("blob")), get<std::uint64_t>(body, "size")};
  }
  return Body::of(body.at("text").get<std::string>());
}

OpId get_op(const json& from) {
  const auto uuid = parse_uuid(from.at("op").get<std::string>());
  if (!uuid) throw Malformed{"an op that is no uuid"};
  return OpId{*uuid};
}

template <class E, std::size_t N>
E get_enum(const json& from, const char* name, const std::array<std::string_view, N>& names) {
  const auto text = from.at(name).get<std::string>();
  for (std::size_t i = 0; i < N; ++i) {
    if (names.at(i) == text) return static_cast<E>(i);
  }
  throw Malformed{"an unknown " + std::string(name) + " '" + text + "'"};
}

Epoch get_epoch(const json& j) {
  return Epoch{get<std::uint64_t>(j, "epoch")};
}

void read(const json& j, SessionStarted& e) {
  e = {get<std::string>(j, "agent"),
       get<std::string>(j, "model"),
       get_body(j, "system"),
       get_body(j, "tools"),
       get<std::vector<std::string>>(j, "approve"),
       get<bool>(j, "one_shot")};
}
void read(const json& j, Claimed& e) {
  e = {get_epoch(j), get<std::string>(j, "worker")};
}
void read(const json& j, HandedOver& e) {
  e = {get_epoch(j)};
}
void read(const json& j, SandboxIntended& e) {
  e = {Generation{get<std::uint64_t>(j, "generation")}};
}
void read(const json& j, UserMessage& e) {
  e = {get<std::string>(j, "author"), get_body(j, "text")};
}
void read(const json& j, InboxRefused& e) {
  e = {get<std::string>(j, "author"), get<std::string>(j, "why")};
}
void read(const json& j, Interrupted& e) {
  e = {get<std::string>(j, "author")};
}
void read(const json& j, SessionFailed& e) {
  e = {get<std::string>(j, "code"), get<std::string>(j, "diagnosis")};
}
void read(const json&, SessionFinished&) {}
void read(const json& j, ModelAsked& e) {
  e = {get<std::uint64_t>(j, "turn"), get<std::uint32_t>(j, "attempt"),
       read_digest(j.at("prompt"))};
}
void read(const json& j, ModelAnswered& e) {
  const json usage = j.value("usage", json::object());
  e = {get<std::uint64_t>(j, "turn"), get_body(j, "text"), get_enum<StopReason>(j, "stop", kStops),
       Usage{get<std::uint64_t>(usage, "input"), get<std::uint64_t>(usage, "output"),
             get<std::uint64_t>(usage, "cache_read"), get<std::uint64_t>(usage, "cache_write")}};
}
void read(const json& j, ModelFailed& e) {
  e = {get<std::uint64_t>(j, "turn"), get<std::string>(j, "code"), get<std::string>(j, "message"),
       get<std::int64_t>(j, "retry_unix_ms")};
}
void read(const json& j, CallIntended& e) {
  e = {get_op(j),
       get<std::uint64_t>(j, "turn"),
       get<std::uint32_t>(j, "index"),
       get<std::string>(j, "use_id"),
       get<std::string>(j, "tool"),
       get_enum<Effect>(j, "effect", kEffects),
       get_body(j, "input"),
       get<bool>(j, "needs_approval")};
}
void read(const json& j, CallApproved& e) {
  e = {get_op(j), get<std::string>(j, "author")};
}
void read(const json& j, CallDenied& e) {
  e = {get_op(j), get<std::string>(j, "author"), get<std::string>(j, "message")};
}
void read(const json& j, CallDispatched& e) {
  e = {get_op(j),
       get_epoch(j),
       Generation{get<std::uint64_t>(j, "generation")},
       get_digest(j, "before"),
       get_digest(j, "after"),
       get_body(j, "done")};
}
void read(const json& j, CallProgress& e) {
  e = {get_op(j), get<std::uint64_t>(j, "offset"), get_body(j, "part")};
}
void read(const json& j, CallFinished& e) {
  e = {get_op(j), get<bool>(j, "is_error"), get_body(j, "result"), get_digest(j, "output"),
       get<Seen>(j, "seen")};
}
void read(const json& j, CallLost& e) {
  e = {get_op(j), get_body(j, "result")};
}

std::string dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

// Tries the kinds one after the other: the names are those of kind_of().
template <std::size_t I = 0>
std::optional<Event> read_kind(std::string_view kind, const json& payload) {
  if constexpr (I == std::variant_size_v<Event>) {
    return std::nullopt;
  } else {
    std::variant_alternative_t<I, Event> e;
    if (kind_of(Event{e}) != kind) return read_kind<I + 1>(kind, payload);
    read(payload, e);
    return Event{std::move(e)};
  }
}

}  // namespace

bool fits_inline(std::string_view words) {
  if (words.size() > kInlineBodyBytesMax) return false;
  return dump(json(std::string(words))).size() <= kInlineBodyBytesMax;
}

Result<EncodedEvent> encode(const Event& event) {
  EncodedEvent out;
  out.kind = kind_of(event);
  out.version = kPayloadVersion;
  out.payload = dump(std::visit([](const auto& e) { return write(e); }, event));
  if (out.payload.size() > kEventBytesMax) {
    return Error{Code::too_big, "an event '" + out.kind + "' of " +
                                    std::to_string(out.payload.size()) + " bytes: at most " +
                                    std::to_string(kEventBytesMax) +
                                    " are kept in the journal; put its words in a blob"};
  }
  return out;
}

Result<Event> decode(const EncodedEvent& event) {
  const std::string what = "event '" + event.kind + "' version " + std::to_string(event.version);
  if (event.version != kPayloadVersion) {
    return Error{Code::unsupported, what + " is not known to this harness; use a newer one"};
  }
  try {
    if (auto read = read_kind(event.kind, json::parse(event.payload))) return std::move(*read);
  } catch (const json::exception& e) {
    return Error{Code::corrupt, what + ": " + e.what()};
  } catch (const Malformed& e) {
    return Error{Code::corrupt, what + " has " + e.why};
  }
  return Error{Code::unsupported, what + " is not known to this harness; use a newer one"};
}

}  // namespace outboard::harness
