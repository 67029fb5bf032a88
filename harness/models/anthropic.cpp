#include "harness/models/anthropic.h"

#include <cstdlib>
#include <fstream>

#include "harness/models/event_stream.h"

namespace outboard::harness {
namespace {

constexpr std::size_t kErrorBodyBytesMax = 65'536;
constexpr const char* kKeyVariable = "ANTHROPIC_API_KEY";

}  // namespace

Result<std::string> read_model_key(const std::string& file) {
  std::string key;
  if (!file.empty()) {
    std::ifstream in(file);
    std::getline(in, key);
  } else if (const char* value = std::getenv(kKeyVariable)) {
    key = value;
  }
  while (!key.empty() && (key.back() == '\r' || key.back() == ' ')) key.pop_back();
  if (!key.empty()) return key;
  return Error{Code::unauthenticated,
               file.empty() ? std::string("there is no key for the model; set ") + kKeyVariable +
                                  " or name a file that holds it"
                            : "the file " + file + " has no key for the model in its first line",
               file};
}

Result<Answer> AnthropicModel::ask(const Prompt& prompt, AnswerSink& sink,
                                   const std::stop_token& stop, Moment deadline) {
  auto body = messages_request(prompt, config_.tokens_max);
  if (!body) return std::move(body).error();
  HttpRequest request;
  request.url = config_.url + "/v1/messages";
  request.headers = {{"content-type", "application/json"},
                     {"accept", "text/event-stream"},
                     {"anthropic-version", "2023-06-01"},
                     {"x-api-key", config_.key()}};
  request.body = *std::move(body);
  request.ca_file = config_.ca_file;

  MessagesReader reader(sink);
  EventStream events;
  HttpAnswer head;
  std::string refusal;
  bool in_order = true;
  const HttpSink http{[&](const HttpAnswer& answer) { head = answer; },
                      [&](std::string_view bytes) {
                        if (head.status != 200) {
                          refusal.append(bytes.substr(0, kErrorBodyBytesMax - refusal.size()));
                          return true;
                        }
                        const auto take = [&](std::string_view event, std::string_view data) {
                          in_order = in_order && reader.take(event, data);
                        };
                        return events.feed(bytes, take) && in_order;
                      }};
  auto answer = http_post(request, http, stop, deadline);
  if (!answer) return std::move(answer).error();
  if (answer->status != 200) return refused_request(*answer, refusal);
  return reader.finish();
}

}  // namespace outboard::harness
