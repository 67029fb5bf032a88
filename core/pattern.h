// Pattern: a SearchQuery's pattern and glob, ready to run. With core/path_glob.cpp the only one
// that knows RE2.
//
// Time is linear in the text whatever the pattern; memory is bounded (kPatternMemoryMax). What is
// no UTF-8 matches no character but "any byte" (\C).
//
// Immutable: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/grams.h"
#include "core/result.h"
#include "core/search.h"

namespace outboard {

struct Span {
  std::size_t start = 0;
  std::size_t end = 0;
};

class Pattern {
 public:
  // invalid: the message says what is wrong with the pattern or glob, and where.
  static Result<Pattern> compile(const SearchQuery& query);
  ~Pattern();
  Pattern(Pattern&&) noexcept;
  Pattern& operator=(Pattern&&) noexcept;

  bool takes_path(std::string_view path) const;
  // Whether the text as a whole may be searched: with SearchKind::words, whether it has them all.
  bool takes_text(std::string_view text) const;
  // The first match that starts at `from` or behind it; it never contains a line's end.
  std::optional<Span> find(std::string_view text, std::size_t from) const;
  // What every text that matches has in it.
  const GramNeeds& needs() const;

 private:
  struct Parts;
  explicit Pattern(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard
