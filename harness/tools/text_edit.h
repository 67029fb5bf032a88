// What the file tools do to text, and how they word it. Pure: content in, content or refusal out.
//
// The words are those of the widely known text editor tool that models were trained on.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/result.h"

namespace outboard::harness {

struct Edited {
  std::string content;
  std::string done;  // the result as the model sees it
};

// Lines first..last (from 1; last -1: the end) with their numbers, as `cat -n` prints them.
// invalid: a range that the file does not have.
Result<std::string> numbered_view(std::string_view path, std::string_view content,
                                  std::optional<std::pair<std::int64_t, std::int64_t>> range);

// invalid: `old_text` is there not once but never or several times; the lines are named.
Result<Edited> replace_once(std::string_view path, std::string_view content,
                            std::string_view old_text, std::string_view new_text);

// Behind line `line`; 0: at the start. invalid: no such line.
Result<Edited> insert_after(std::string_view path, std::string_view content, std::int64_t line,
                            std::string_view text);

// Bytes at the front that both have.
std::size_t common_front(std::string_view a, std::string_view b);

}  // namespace outboard::harness
