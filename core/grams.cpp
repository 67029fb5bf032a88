#include "core/grams.h"

#include <algorithm>
#include <cstddef>

namespace outboard {
namespace {

constexpr std::string_view kLongS = "\xC5\xBF";       // U+017F folds to "s"
constexpr std::string_view kKelvin = "\xE2\x84\xAA";  // U+212A folds to "k"

Gram gram_at(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
  return static_cast<Gram>(byte(0) << 16U | byte(1) << 8U | byte(2));
}

bool has_line_end(std::string_view text, std::size_t at) {
  return text.substr(at, 3).find('\n') != std::string_view::npos;
}

// Bytes of the character at `at` when its case never folds; 0 otherwise.
std::size_t steady_length(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return 1;
  if (lead < 0xE2 || lead > 0xED || at + 3 > text.size()) return 0;
  const auto low = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]) & 0x3FU; };
  const std::uint32_t character = (lead & 0x0FU) << 12U | low(1) << 6U | low(2);
  const bool ideographs = character >= 0x2E80 && character < 0xA4D0;
  const bool hangul = character >= 0xAC00 && character < 0xD7A4;
  return ideographs || hangul ? 3 : 0;
}

}  // namespace

std::string folded(std::string_view text) {
  std::string small;
  small.reserve(text.size());
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c >= 'A' && c <= 'Z') {
      small += static_cast<char>(c - 'A' + 'a');
    } else if (c == kLongS[0] && text.substr(at, kLongS.size()) == kLongS) {
      small += 's';
      at += kLongS.size() - 1;
    } else if (c == kKelvin[0] && text.substr(at, kKelvin.size()) == kKelvin) {
      small += 'k';
      at += kKelvin.size() - 1;
    } else {
      small += c;
    }
  }
  return small;
}

std::vector<Gram> GramCollector::collect(std::string_view text) {
  const std::string small = folded(text);
  std::vector<Gram> found;
  for (std::size_t at = 0; at + 3 <= small.size(); ++at) {
    const Gram gram = gram_at(small, at);
    if (seen_[gram] || has_line_end(small, at)) continue;
    seen_[gram] = true;
    found.push_back(gram);
  }
  for (const Gram gram : found) seen_[gram] = false;
  return found;
}

std::vector<Gram> steady_grams(std::string_view folded) {
  std::vector<Gram> found;
  for (std::size_t start = 0; start < folded.size();) {
    std::size_t end = start;
    while (end < folded.size()) {
      const std::size_t length = steady_length(folded, end);
      if (length == 0) break;
      end += length;
    }
    for (std::size_t at = start; at + 3 <= end; ++at) {
      if (!has_line_end(folded, at)) found.push_back(gram_at(folded, at));
    }
    start = end + 1;
  }
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

}  // namespace outboard
