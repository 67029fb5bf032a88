// AgentChoice: which agent a session runs and which model answers it; kept as the session's agent
// revision, so that every harness asks the same one. Pure.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace outboard::harness {

struct AgentChoice {
  std::string agent = "default";
  std::string model;  // "anthropic:NAME", "scripted:FILE"; empty: the harness's own
  friend bool operator==(const AgentChoice&, const AgentChoice&) = default;
};

// "default anthropic:claude": the agent's name, then the model, if any.
std::string write_choice(const AgentChoice& choice);
AgentChoice read_choice(std::string_view revision);

// A model's name as "PROVIDER:NAME", taken apart. invalid: not of that form.
struct ModelName {
  std::string provider;
  std::string name;
};
Result<ModelName> parse_model(std::string_view text);

}  // namespace outboard::harness
