#include "harness/session/prompt.h"

#include <map>

#include "core/check.h"

namespace outboard::harness {
namespace {

// The message that the next block of that role belongs to.
std::vector<Block>& blocks_for(Prompt& prompt, Role role) {
  if (prompt.messages.empty() || prompt.messages.back().role != role) {
    prompt.messages.push_back({role, {}});
  }
  return prompt.messages.back().blocks;
}

Status add_call(Prompt& prompt, std::vector<Block>& results, const CallState& call,
                const ResolveBody& resolve) {
  auto input = resolve(call.intent.input);
  if (!input) return std::move(input).error();
  auto result = resolve(call.result);
  if (!result) return std::move(result).error();
  blocks_for(prompt, Role::assistant)
      .emplace_back(ToolUseBlock{call.intent.use_id, call.intent.tool, *std::move(input)});
  results.emplace_back(ToolResultBlock{call.intent.use_id, *std::move(result), call.is_error});
  return success();
}

Status add_answer(Prompt& prompt, const AssistantItem& answer, const ResolveBody& resolve) {
  auto text = resolve(answer.text);
  if (!text) return std::move(text).error();
  if (!text->empty()) blocks_for(prompt, Role::assistant).emplace_back(TextBlock{*text});
  std::vector<Block> results;
  for (const CallState& call : answer.calls) {
    CHECK(call.terminal());
    if (auto added = add_call(prompt, results, call, resolve); !added) return added;
  }
  for (Block& result : results) blocks_for(prompt, Role::user).push_back(std::move(result));
  return success();
}

// Length before content: no two prompts are spelled alike.
void spell(std::string& out, std::string_view part) {
  out.append(std::to_string(part.size())).append(":").append(part);
}

Error broken(const std::string& why) {
  return Error{Code::invalid, "a prompt that no model takes: " + why};
}

}  // namespace

Result<Prompt> build_prompt(const State& state, const ResolveBody& resolve) {
  Prompt prompt;
  prompt.model = state.settings.model;
  auto system = resolve(state.settings.system);
  if (!system) return std::move(system).error();
  auto tools = resolve(state.settings.tools);
  if (!tools) return std::move(tools).error();
  prompt.system = *std::move(system);
  prompt.tools = *std::move(tools);
  for (const Item& item : state.items) {
    if (const auto* said = std::get_if<UserItem>(&item)) {
      auto text = resolve(said->text);
      if (!text) return std::move(text).error();
      if (text->empty()) continue;  // models refuse empty text
      blocks_for(prompt, Role::user).emplace_back(TextBlock{*std::move(text)});
    } else if (auto added = add_answer(prompt, std::get<AssistantItem>(item), resolve); !added) {
      return std::move(added).error();
    }
  }
  return prompt;
}

Status check_prompt(const Prompt& prompt) {
  std::map<std::string, int> open;  // use id → results still missing
  Role expected = Role::user;
  for (const PromptMessage& message : prompt.messages) {
    if (message.role != expected) return broken("two messages of one role in a row");
    expected = expected == Role::user ? Role::assistant : Role::user;
    for (const Block& block : message.blocks) {
      const auto* result = std::get_if<ToolResultBlock>(&block);
      if (result == nullptr) continue;
      if (open.erase(result->id) == 0) return broken("a result without its use: " + result->id);
    }
    if (!open.empty()) return broken("a tool use without its result: " + open.begin()->first);
    for (const Block& block : message.blocks) {
      const auto* use = std::get_if<ToolUseBlock>(&block);
      if (use != nullptr && !open.emplace(use->id, 1).second) {
        return broken("two tool uses with the id " + use->id);
      }
    }
  }
  if (!open.empty()) return broken("a tool use without its result: " + open.begin()->first);
  if (expected != Role::assistant) return broken("it does not end with the user's words");
  return success();
}

Sha256 digest_of(const Prompt& prompt) {
  std::string text;
  spell(text, prompt.model);
  spell(text, prompt.system);
  spell(text, prompt.tools);
  for (const PromptMessage& message : prompt.messages) {
    spell(text, message.role == Role::user ? "user" : "assistant");
    for (const Block& block : message.blocks) {
      if (const auto* words = std::get_if<TextBlock>(&block)) {
        spell(text, "text");
        spell(text, words->text);
      } else if (const auto* use = std::get_if<ToolUseBlock>(&block)) {
        for (const std::string* part : {&use->id, &use->tool, &use->input}) spell(text, *part);
      } else {
        const auto& result = std::get<ToolResultBlock>(block);
        spell(text, result.is_error ? "error" : "result");
        spell(text, result.id);
        spell(text, result.text);
      }
    }
  }
  return sha256(text);
}

}  // namespace outboard::harness
