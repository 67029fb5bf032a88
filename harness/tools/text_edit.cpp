#include "harness/tools/text_edit.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <vector>

namespace outboard::harness {
namespace {

constexpr std::int64_t kSnippetLines = 4;

// Without their line ends; a file that ends with one has no empty line behind it.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::string numbered(const std::vector<std::string_view>& lines, std::int64_t first,
                     std::int64_t last) {
  std::string out;
  for (std::int64_t i = std::max<std::int64_t>(first, 1);
       i <= std::min(last, static_cast<std::int64_t>(lines.size())); ++i) {
    std::array<char, 32> number{};
    std::snprintf(number.data(), number.size(), "%6lld\t", static_cast<long long>(i));
    out.append(number.data()).append(lines[static_cast<std::size_t>(i - 1)]).append("\n");
  }
  return out;
}

std::int64_t line_at(std::string_view text, std::size_t offset) {
  const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(offset, text.size()));
  return std::count(text.begin(), end, '\n') + 1;
}

// The file was edited: show the lines around it.
std::string edited_text(std::string_view path, std::string_view content, std::int64_t first,
                        std::int64_t last) {
  const std::string name(path);
  return "The file " + name +
         " has been edited. Here's the result of running `cat -n` on a snippet of " + name + ":\n" +
         numbered(lines_of(content), first - kSnippetLines, last + kSnippetLines) +
         "Review the changes and make sure they are as expected. Edit the file again if necessary.";
}

Error refused(std::string message) {
  return Error{Code::invalid, std::move(message)};
}

}  // namespace

Result<std::string> numbered_view(std::string_view path, std::string_view content,
                                  std::optional<std::pair<std::int64_t, std::int64_t>> range) {
  const auto lines = lines_of(content);
  const auto count = static_cast<std::int64_t>(lines.size());
  std::int64_t first = 1;
  std::int64_t last = count;
  if (range) {
    first = range->first;
    last = range->second == -1 ? count : range->second;
    if (first < 1 || (first > count && count > 0) || last > count || last < first) {
      return refused("Invalid `view_range`: [" + std::to_string(range->first) + ", " +
                     std::to_string(range->second) + "]. Its lines should be within the range of " +
                     "lines of the file: [1, " + std::to_string(count) +
                     "], the second not before the first; -1 means to the end.");
    }
  }
  return "Here's the result of running `cat -n` on " + std::string(path) + ":\n" +
         numbered(lines, first, last);
}

Result<Edited> replace_once(std::string_view path, std::string_view content,
                            std::string_view old_text, std::string_view new_text) {
  const std::string old(old_text);
  if (old.empty()) {
    return refused(
        "No replacement was performed, old_str is empty. Say which text to replace, or "
        "use insert.");
  }
  const std::size_t at = content.find(old_text);
  if (at == std::string_view::npos) {
    return refused("No replacement was performed, old_str `" + old +
                   "` did not appear verbatim in " + std::string(path) + ".");
  }
  if (content.find(old_text, at + 1) != std::string_view::npos) {
    std::string lines;
    for (auto i = at; i != std::string_view::npos; i = content.find(old_text, i + 1)) {
      lines += (lines.empty() ? "" : ", ") + std::to_string(line_at(content, i));
    }
    return refused("No replacement was performed. Multiple occurrences of old_str `" + old +
                   "` in lines [" + lines + "]. Please ensure it is unique");
  }
  Edited edited;
  edited.content.append(content.substr(0, at)).append(new_text);
  edited.content.append(content.substr(at + old.size()));
  edited.done = edited_text(path, edited.content, line_at(content, at),
                            line_at(edited.content, at + new_text.size()));
  return edited;
}

Result<Edited> insert_after(std::string_view path, std::string_view content, std::int64_t line,
                            std::string_view text) {
  const auto count = static_cast<std::int64_t>(lines_of(content).size());
  if (line < 0 || line > count) {
    return refused("Invalid `insert_line` parameter: " + std::to_string(line) +
                   ". It should be within the range of lines of the file: [0, " +
                   std::to_string(count) + "]");
  }
  std::size_t at = 0;
  for (std::int64_t i = 0; i < line; ++i) at = std::min(content.find('\n', at), content.size()) + 1;
  Edited edited;
  edited.content = content.substr(0, std::min(at, content.size()));
  if (line > 0 && edited.content.back() != '\n') edited.content += '\n';
  edited.content.append(text);
  if (at < content.size() && !text.ends_with('\n')) edited.content += '\n';
  edited.content.append(content.substr(std::min(at, content.size())));
  const std::int64_t added =
      std::max<std::int64_t>(1, static_cast<std::int64_t>(lines_of(text).size()));
  edited.done = edited_text(path, edited.content, line + 1, line + added);
  return edited;
}

std::size_t common_front(std::string_view a, std::string_view b) {
  const auto [end, other] = std::mismatch(
      a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
  return static_cast<std::size_t>(end - a.begin());
}

}  // namespace outboard::harness
