#include "harness/tools/tool.h"

#include <nlohmann/json.hpp>

namespace outboard::harness {

Tool* Toolbox::find(std::string_view name) const {
  for (const auto& tool : tools_) {
    if (tool->spec().name == name) return tool.get();
  }
  return nullptr;
}

std::string Toolbox::specifications() const {
  nlohmann::json all = nlohmann::json::array();
  for (const auto& tool : tools_) {
    const ToolSpec& spec = tool->spec();
    all.push_back({{"name", spec.name},
                   {"description", spec.description},
                   {"input_schema", nlohmann::json::parse(spec.input_schema)}});
  }
  return all.dump();
}

std::string Toolbox::names() const {
  std::string names;
  for (const auto& tool : tools_) {
    names += (names.empty() ? "" : ", ") + tool->spec().name;
  }
  return names;
}

std::string head_and_tail(std::string_view text, std::size_t chars_max) {
  if (text.size() <= chars_max) return clip(text, text.size() * 3);
  const std::size_t half = chars_max / 2;
  // Not in the middle of a character: step back over continuation bytes.
  const auto boundary = [&](std::size_t at) {
    while (at > 0 && (static_cast<unsigned char>(text[at]) & 0xC0u) == 0x80) --at;
    return at;
  };
  const std::size_t head = boundary(half);
  const std::size_t tail = boundary(text.size() - half);
  return clip(text.substr(0, head), half * 3) + "\n\n... [" + std::to_string(tail - head) +
         " characters truncated] ...\n\n" + clip(text.substr(tail), half * 3);
}

}  // namespace outboard::harness
