#include "core/text_search.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard {
namespace {

// How much of a long line stands before its first match.
constexpr std::size_t kLeadBytes = 64;

bool continues_character(char c) {
  return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U;
}

// Walks through a text line by line and writes down what is shown of it.
class LineReader {
 public:
  LineReader(const Pattern& pattern, std::string_view text, const TextLimits& limits)
      : pattern_(pattern), text_(text), limits_(limits) {}

  SearchedFile read() {
    while (const auto match = next_match()) {
      if (found_.matches >= limits_.matches_max) {
        found_.more = true;
        break;
      }
      ++found_.matches;
      if (limits_.show == SearchShow::files) break;
      if (limits_.show == SearchShow::lines) show(*match);
      from_ = line_end(match->start) + 1;
    }
    add_context_until(text_.size());
    return std::move(found_);
  }

 private:
  std::optional<Span> next_match() const {
    if (from_ >= text_.size()) return std::nullopt;
    auto match = pattern_.find(text_, from_);
    // Behind the last line's end there is no line.
    if (match && match->start >= text_.size() && text_.back() == '\n') return std::nullopt;
    return match;
  }

  std::size_t line_start(std::size_t at) const {
    if (at == 0) return 0;
    const std::size_t before = text_.rfind('\n', at - 1);
    return before == std::string_view::npos ? 0 : before + 1;
  }
  std::size_t line_end(std::size_t at) const {
    return std::min(text_.find('\n', at), text_.size());
  }

  // Shows the matching line with those that lead up to it.
  void show(const Span& match) {
    const std::size_t start = line_start(match.start);
    add_context_until(start);
    std::size_t lead = start;
    for (std::uint32_t i = 0; i < limits_.context && lead > shown_; ++i)
      lead = line_start(lead - 1);
    while (lead < start) lead = add_line(lead, std::nullopt);
    add_line(start, match);
    owed_ = limits_.context;
  }

  // What follows the last match, up to the next one or as many lines as were asked for.
  void add_context_until(std::size_t bound) {
    while (owed_ > 0 && shown_ < bound) {
      add_line(shown_, std::nullopt);
      --owed_;
    }
  }

  // The start of the line behind.
  std::size_t add_line(std::size_t start, std::optional<Span> match) {
    const std::size_t end = line_end(start);
    numbered_ += static_cast<std::uint64_t>(
        std::count(text_.begin() + static_cast<std::ptrdiff_t>(counted_),
                   text_.begin() + static_cast<std::ptrdiff_t>(start), '\n'));
    counted_ = start;
    SearchLine line;
    line.number = numbered_;
    line.offset = start;
    std::size_t from = start;
    if (match && match->start > start + kSearchLineBytesMax - kLeadBytes) {
      from = match->start - kLeadBytes;
      while (from < match->start && continues_character(text_[from])) ++from;
    }
    std::size_t to = std::min(end, from + kSearchLineBytesMax);
    while (to < end && to > from && continues_character(text_[to])) --to;
    line.text = std::string(text_.substr(from, to - from));
    line.skipped = from - start;
    line.cut = to < end;
    for (; match && match->start < to && match->start <= end; match = later(*match, end)) {
      const std::size_t length = std::min(match->end, to) - match->start;
      line.spans.emplace_back(static_cast<std::uint32_t>(match->start - from),
                              static_cast<std::uint32_t>(length));
      if (line.spans.size() >= kSearchSpansMax) break;
    }
    if (match && line.spans.empty()) line.spans.emplace_back(0, 0);
    found_.lines.push_back(std::move(line));
    shown_ = std::min(end + 1, text_.size());
    return end + 1;
  }

  // The next match of the same line that is not empty.
  std::optional<Span> later(const Span& match, std::size_t end) const {
    std::size_t from = std::max(match.end, match.start + 1);
    while (from < end) {
      const auto next = pattern_.find(text_, from);
      if (!next || next->start >= end) return std::nullopt;
      if (next->end > next->start) return next;
      from = next->start + 1;
    }
    return std::nullopt;
  }

  const Pattern& pattern_;
  const std::string_view text_;
  const TextLimits& limits_;
  SearchedFile found_;
  std::size_t from_ = 0;     // where the next match is looked for
  std::size_t shown_ = 0;    // lines before this were shown, or passed over for good
  std::uint32_t owed_ = 0;   // lines of context still to be shown
  std::size_t counted_ = 0;  // a line's start, and its number
  std::uint64_t numbered_ = 1;
};

}  // namespace

bool is_binary(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

std::optional<SearchedFile> search_text(const Pattern& pattern, std::string_view text,
                                        const TextLimits& limits) {
  if (!pattern.takes_text(text)) return std::nullopt;
  SearchedFile found = LineReader(pattern, text, limits).read();
  if (found.matches == 0) return std::nullopt;
  return found;
}

}  // namespace outboard
