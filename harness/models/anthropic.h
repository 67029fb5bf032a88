// AnthropicModel: Anthropic's Messages API, streamed.
//
// Prompt → messages_request → http_post → EventStream → MessagesReader → Answer. The request and
// the reading of the stream are pure and tested without a network. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "harness/models/http.h"
#include "harness/models/model.h"

namespace outboard::harness {

struct AnthropicConfig {
  std::string url = "https://api.anthropic.com";
  // Asked for each request, so that a renewed key is used at once. Lives in the harness only.
  std::function<std::string()> key;
  std::uint32_t tokens_max = 16'384;  // of one answer
  std::string ca_file;                // PEM; empty: the system's
};

class AnthropicModel final : public Model {
 public:
  explicit AnthropicModel(AnthropicConfig config) : config_(std::move(config)) {}
  Result<Answer> ask(const Prompt& prompt, AnswerSink& sink, const std::stop_token& stop,
                     Moment deadline) override;

 private:
  const AnthropicConfig config_;
};

// The key out of a file (its first line) or, with an empty name, of the environment's
// ANTHROPIC_API_KEY. unauthenticated: neither is there; says where to put it.
Result<std::string> read_model_key(const std::string& file);

// The body of a request: JSON. Marks the system prompt and the last message as worth caching.
// invalid: a tool's input or specification that is no JSON.
Result<std::string> messages_request(const Prompt& prompt, std::uint32_t tokens_max);

// Puts an answer together from the events of its stream.
class MessagesReader {
 public:
  explicit MessagesReader(AnswerSink& sink);
  ~MessagesReader();
  MessagesReader(const MessagesReader&) = delete;
  MessagesReader& operator=(const MessagesReader&) = delete;

  // False: an error came, or something that is no such stream; see finish().
  bool take(std::string_view event, std::string_view data);
  // The whole answer. unavailable: the stream ended in the middle.
  Result<Answer> finish();

 private:
  struct Progress;
  std::unique_ptr<Progress> progress_;
};

// What an answer that is not 200 means. `body` is the provider's own explanation.
Error refused_request(const HttpAnswer& answer, std::string_view body);

}  // namespace outboard::harness
