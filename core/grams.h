// Grams: the runs of three bytes in a text, by which an index tells the files that may match.
//
// Letters are folded as ignoring case would (ASCII, and the two signs that fold to ASCII letters),
// so that one index serves every search. Line ends are in none: matches do not cross them. A text
// that matches has all the grams its pattern needs; one that has them need not match.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace outboard {

using Gram = std::uint32_t;  // the first byte is the highest of three

// A text can match only if it has all grams of at least one of these. Empty: any text can.
using GramNeeds = std::vector<std::vector<Gram>>;

// `text` with ASCII letters small, U+017F as "s" and U+212A as "k".
std::string folded(std::string_view text);

// Collects the distinct grams of texts, one after the other. Holds 2 MiB; one thread at a time.
class GramCollector {
 public:
  GramCollector() : seen_(1U << 24U) {}
  // In no order.
  std::vector<Gram> collect(std::string_view text);

 private:
  std::vector<bool> seen_;
};

// Those grams of a part of a pattern that do not depend on how other scripts fold their case: of
// ASCII and of scripts without case (CJK, kana, hangul). `folded` is what folded() gives.
std::vector<Gram> steady_grams(std::string_view folded);

}  // namespace outboard
