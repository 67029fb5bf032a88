// ToolInput: the JSON object that a model wrote for a call, read with its mistakes in mind.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace outboard::harness {

class ToolInput {
 public:
  // invalid: not a JSON object; the message is for the model.
  static Result<ToolInput> parse(std::string_view text);
  ~ToolInput();
  ToolInput(ToolInput&&) noexcept;
  ToolInput& operator=(ToolInput&&) noexcept;

  bool has(const char* name) const;  // and it is not null
  // invalid: missing (where it must be there), or of another type.
  Result<std::string> text(const char* name) const;
  Result<std::int64_t> number(const char* name) const;
  // False when it is not there.
  Result<bool> flag(const char* name) const;
  Result<std::pair<std::int64_t, std::int64_t>> range(const char* name) const;

 private:
  struct Parsed;
  explicit ToolInput(std::unique_ptr<Parsed> parsed);
  std::unique_ptr<Parsed> parsed_;
};

}  // namespace outboard::harness
