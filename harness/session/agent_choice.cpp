#include "harness/session/agent_choice.h"

namespace outboard::harness {

std::string write_choice(const AgentChoice& choice) {
  return choice.model.empty() ? choice.agent : choice.agent + " " + choice.model;
}

AgentChoice read_choice(std::string_view revision) {
  const std::size_t space = revision.find(' ');
  AgentChoice choice;
  choice.agent = revision.substr(0, space);
  if (space != std::string_view::npos) choice.model = revision.substr(space + 1);
  return choice;
}

Result<ModelName> parse_model(std::string_view text) {
  const std::size_t colon = text.find(':');
  ModelName name;
  name.provider = text.substr(0, colon);
  if (colon != std::string_view::npos) name.name = text.substr(colon + 1);
  const bool known = name.provider == "anthropic" || name.provider == "scripted";
  if (known && !name.name.empty()) return name;
  return Error{Code::invalid,
               "model \"" + std::string(text) +
                   "\" is none that is known; write anthropic:NAME or scripted:FILE",
               std::string(text)};
}

}  // namespace outboard::harness
