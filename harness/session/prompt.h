// Prompt: what a model is asked, made from the state. Pure: the same state, the same prompt, byte
// for byte, so that its digest proves that a question asked again is the same question.
//
// State → build_prompt → models/model.h. What always holds of a built prompt: roles alternate,
// beginning with the user; each tool use has exactly one result, in the message that follows it.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "core/digest.h"
#include "harness/session/state.h"

namespace outboard::harness {

struct TextBlock {
  std::string text;
  friend bool operator==(const TextBlock&, const TextBlock&) = default;
};
struct ToolUseBlock {
  std::string id;
  std::string tool;
  std::string input;  // JSON
  friend bool operator==(const ToolUseBlock&, const ToolUseBlock&) = default;
};
struct ToolResultBlock {
  std::string id;  // of the use
  std::string text;
  bool is_error = false;
  friend bool operator==(const ToolResultBlock&, const ToolResultBlock&) = default;
};
using Block = std::variant<TextBlock, ToolUseBlock, ToolResultBlock>;

enum class Role : std::uint8_t { user, assistant };

struct PromptMessage {
  Role role = Role::user;
  std::vector<Block> blocks;
  friend bool operator==(const PromptMessage&, const PromptMessage&) = default;
};

struct Prompt {
  std::string model;
  std::string system;
  std::string tools;  // JSON array of {name, description, input_schema}
  std::vector<PromptMessage> messages;
  friend bool operator==(const Prompt&, const Prompt&) = default;
};

// The words of a body, from wherever they are.
using ResolveBody = std::function<Result<std::string>(const Body&)>;

// REQUIRES: every call is terminal. Fails only as `resolve` does.
Result<Prompt> build_prompt(const State& state, const ResolveBody& resolve);

// invalid: a tool use without exactly one result, or roles that do not alternate.
Status check_prompt(const Prompt& prompt);

Sha256 digest_of(const Prompt& prompt);

}  // namespace outboard::harness
