// The Messages API's JSON: what is asked, what is answered. Pure.
#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "harness/models/anthropic.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

using nlohmann::json;

json cached(json block) {
  block["cache_control"] = {{"type", "ephemeral"}};
  return block;
}

// A model's input that is no JSON object was refused as a call; the API insists on an object.
json input_of(const std::string& text) {
  json input = json::parse(text, nullptr, false);
  if (!input.is_object()) return {{"malformed_input", text}};
  return input;
}

json block_of(const Block& block) {
  if (const auto* text = std::get_if<TextBlock>(&block)) {
    return {{"type", "text"}, {"text", text->text}};
  }
  if (const auto* use = std::get_if<ToolUseBlock>(&block)) {
    return {{"type", "tool_use"},
            {"id", use->id},
            {"name", use->tool},
            {"input", input_of(use->input)}};
  }
  const auto& result = std::get<ToolResultBlock>(block);
  return {{"type", "tool_result"},
          {"tool_use_id", result.id},
          {"is_error", result.is_error},
          {"content", result.text}};
}

StopReason stop_of(const std::string& reason) {
  if (reason == "end_turn" || reason == "stop_sequence") return StopReason::end_turn;
  if (reason == "tool_use") return StopReason::tool_use;
  if (reason == "max_tokens" || reason == "model_context_window_exceeded") {
    return StopReason::max_tokens;
  }
  return reason == "refusal" ? StopReason::refusal : StopReason::other;
}

Code code_of(const std::string& type) {
  if (type == "overloaded_error" || type == "api_error" || type == "rate_limit_error" ||
      type == "timeout_error") {
    return Code::unavailable;
  }
  if (type == "authentication_error") return Code::unauthenticated;
  if (type == "permission_error") return Code::no_access;
  if (type == "request_too_large") return Code::too_big;
  if (type == "billing_error") return Code::no_space;
  return Code::invalid;
}

void read_usage(const json& usage, Usage& into) {
  const auto take = [&](const char* name, std::uint64_t& field) {
    if (usage.contains(name) && usage.at(name).is_number_unsigned()) field = usage.at(name);
  };
  take("input_tokens", into.input);
  take("output_tokens", into.output);
  take("cache_read_input_tokens", into.cache_read);
  take("cache_creation_input_tokens", into.cache_write);
}

}  // namespace

Result<std::string> messages_request(const Prompt& prompt, std::uint32_t tokens_max) {
  json messages = json::array();
  for (const PromptMessage& message : prompt.messages) {
    json content = json::array();
    for (const Block& block : message.blocks) content.push_back(block_of(block));
    messages.push_back({{"role", message.role == Role::user ? "user" : "assistant"},
                        {"content", std::move(content)}});
  }
  if (!messages.empty() && !messages.back()["content"].empty()) {
    messages.back()["content"].back() = cached(messages.back()["content"].back());
  }
  json request{{"model", prompt.model},
               {"max_tokens", tokens_max},
               {"stream", true},
               {"messages", std::move(messages)}};
  if (!prompt.system.empty()) {
    request["system"] = {cached({{"type", "text"}, {"text", prompt.system}})};
  }
  json tools = json::parse(prompt.tools.empty() ? "[]" : prompt.tools, nullptr, false);
  if (!tools.is_array()) {
    return Error{Code::invalid, "the prompt's tools are no JSON array of specifications"};
  }
  if (!tools.empty()) request["tools"] = std::move(tools);
  return request.dump(-1, ' ', false, json::error_handler_t::replace);
}

struct MessagesReader::Progress {
  AnswerSink& sink;
  Answer answer;
  std::map<std::int64_t, std::size_t> calls;  // block → index in answer.calls
  bool stopped = false;
  std::optional<Error> error;

  void block_start(const json& data) {
    const json& block = data.at("content_block");
    const std::string type = block.at("type");
    if (type == "text") return text(block.value("text", ""));
    if (type != "tool_use") return;
    calls[data.at("index")] = answer.calls.size();
    sink.on_call(static_cast<std::uint32_t>(answer.calls.size()),
                 block.at("name").get<std::string>());
    answer.calls.push_back({block.at("id"), block.at("name"), ""});
  }

  void block_delta(const json& data) {
    const json& delta = data.at("delta");
    const std::string type = delta.at("type");
    if (type == "text_delta") return text(delta.at("text"));
    const auto call = calls.find(data.at("index"));
    if (type != "input_json_delta" || call == calls.end()) return;
    const std::string part = delta.at("partial_json");
    answer.calls[call->second].input += part;
    sink.on_call_input(static_cast<std::uint32_t>(call->second), part);
  }

  void text(const std::string& delta) {
    if (delta.empty()) return;
    answer.text += delta;
    sink.on_text(delta);
  }

  void event(const std::string& type, const json& data) {
    if (type == "message_start") {
      read_usage(data.at("message").value("usage", json::object()), answer.usage);
    } else if (type == "content_block_start") {
      block_start(data);
    } else if (type == "content_block_delta") {
      block_delta(data);
    } else if (type == "message_delta") {
      const json& delta = data.at("delta");
      if (delta.contains("stop_reason") && delta.at("stop_reason").is_string()) {
        answer.stop = stop_of(delta.at("stop_reason"));
      }
      read_usage(data.value("usage", json::object()), answer.usage);
    } else if (type == "message_stop") {
      stopped = true;
    } else if (type == "error") {
      const json& why = data.at("error");
      error = Error{code_of(why.at("type")),
                    why.at("type").get<std::string>() + ": " + why.value("message", "")};
    }  // anything else, such as ping, may come at any time
  }
};

MessagesReader::MessagesReader(AnswerSink& sink)
    : progress_(std::make_unique<Progress>(Progress{sink, {}, {}, false, {}})) {}
MessagesReader::~MessagesReader() = default;

bool MessagesReader::take(std::string_view, std::string_view data) {
  if (progress_->error) return false;
  try {
    const json parsed = json::parse(data);
    progress_->event(parsed.at("type"), parsed);
  } catch (const json::exception& e) {
    progress_->error =
        Error{Code::unavailable, std::string("the model's answer is damaged: ") + e.what()};
  }
  return !progress_->error;
}

Result<Answer> MessagesReader::finish() {
  if (progress_->error) return *progress_->error;
  if (!progress_->stopped) {
    return Error{Code::unavailable, "the model's answer ended in the middle"};
  }
  for (AskedCall& call : progress_->answer.calls) {
    if (call.input.empty()) call.input = "{}";
  }
  return std::move(progress_->answer);
}

Error refused_request(const HttpAnswer& answer, std::string_view body) {
  const json parsed = json::parse(body, nullptr, false);
  Error error{Code::invalid, "the model's API answered " + std::to_string(answer.status)};
  if (answer.status == 429 || answer.status == 408 || answer.status >= 500) {
    error.code = Code::unavailable;
  }
  if (parsed.is_object() && parsed.contains("error") && parsed.at("error").is_object()) {
    const json& why = parsed.at("error");
    const json type = why.value("type", json(""));
    if (error.code != Code::unavailable && type.is_string()) error.code = code_of(type);
    if (why.contains("message") && why.at("message").is_string()) {
      error.message += ": " + clip(why.at("message").get<std::string>(), kSentenceCharsMax);
    }
  } else if (answer.status == 401) {
    error.code = Code::unauthenticated;
  } else if (answer.status == 403) {
    error.code = Code::no_access;
  } else if (answer.status == 413) {
    error.code = Code::too_big;
  }
  const auto wait = answer.headers.find("retry-after");
  std::uint32_t seconds = 0;
  if (wait != answer.headers.end()) {
    const std::string& text = wait->second;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    error.retry_after_ms = std::min(seconds, 3'600U) * 1'000U;
  }
  return error;
}

}  // namespace outboard::harness
