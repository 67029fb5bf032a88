#include "harness/tools/tool_input.h"

#include <nlohmann/json.hpp>

namespace outboard::harness {
namespace {

using nlohmann::json;

Error wrong(const char* name, std::string_view what) {
  return Error{Code::invalid, "Parameter `" + std::string(name) + "` " + std::string(what) + "."};
}

}  // namespace

struct ToolInput::Parsed {
  json value;
};

ToolInput::ToolInput(std::unique_ptr<Parsed> parsed) : parsed_(std::move(parsed)) {}
ToolInput::~ToolInput() = default;
ToolInput::ToolInput(ToolInput&&) noexcept = default;
ToolInput& ToolInput::operator=(ToolInput&&) noexcept = default;

Result<ToolInput> ToolInput::parse(std::string_view text) {
  json value = json::parse(text, nullptr, false);
  if (!value.is_object()) {
    return Error{Code::invalid,
                 "The tool's input is not a complete JSON object; send the call again."};
  }
  return ToolInput(std::make_unique<Parsed>(Parsed{std::move(value)}));
}

bool ToolInput::has(const char* name) const {
  return parsed_->value.contains(name) && !parsed_->value.at(name).is_null();
}

Result<std::string> ToolInput::text(const char* name) const {
  if (!has(name)) return wrong(name, "is required");
  const json& value = parsed_->value.at(name);
  if (!value.is_string()) return wrong(name, "must be a string");
  return value.get<std::string>();
}

Result<std::int64_t> ToolInput::number(const char* name) const {
  if (!has(name)) return wrong(name, "is required");
  const json& value = parsed_->value.at(name);
  if (!value.is_number_integer()) return wrong(name, "must be an integer");
  return value.get<std::int64_t>();
}

Result<bool> ToolInput::flag(const char* name) const {
  if (!has(name)) return false;
  const json& value = parsed_->value.at(name);
  if (!value.is_boolean()) return wrong(name, "must be true or false");
  return value.get<bool>();
}

Result<std::pair<std::int64_t, std::int64_t>> ToolInput::range(const char* name) const {
  if (!has(name)) return wrong(name, "is required");
  const json& value = parsed_->value.at(name);
  if (!value.is_array() || value.size() != 2 || !value[0].is_number_integer() ||
      !value[1].is_number_integer()) {
    return wrong(name, "must be a list of two integers, [first line, last line]");
  }
  return std::pair{value[0].get<std::int64_t>(), value[1].get<std::int64_t>()};
}

}  // namespace outboard::harness
