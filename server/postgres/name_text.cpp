#include "server/postgres/name_text.h"

#include <algorithm>

namespace outboard::server {
namespace {

// U+10FF80 … U+10FFFF are F4 8F BE 80 … F4 8F BF BF.
constexpr std::string_view kEscape = "\xF4\x8F";
constexpr unsigned char kEscapeLow = 0xBE;
constexpr std::size_t kEscapeSize = 4;

bool is_escape(std::string_view bytes) {
  return bytes.size() >= kEscapeSize && bytes.starts_with(kEscape) &&
         static_cast<unsigned char>(bytes[2]) >= kEscapeLow;
}

}  // namespace

std::size_t character_size(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead == 0) return 0;
  if (lead < 0x80) return 1;
  const std::size_t size = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || size > bytes.size()) return 0;
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0u) != 0x80u) return 0;
  }
  const unsigned char second = at(1);
  const bool bad = (lead == 0xE0 && second < 0xA0) || (lead == 0xED && second > 0x9F) ||
                   (lead == 0xF0 && second < 0x90) || (lead == 0xF4 && second > 0x8F);
  return bad ? 0 : size;  // bad: overlong, a surrogate, or beyond U+10FFFF
}

std::string to_text(std::string_view name) {
  std::string text;
  text.reserve(name.size());
  while (!name.empty()) {
    const std::size_t size = is_escape(name) ? 0 : character_size(name);
    if (size > 0) {
      text.append(name.substr(0, size));
      name.remove_prefix(size);
      continue;
    }
    const auto byte = static_cast<unsigned char>(name.front());
    text.append(kEscape);
    text.push_back(static_cast<char>(kEscapeLow + ((byte >> 6u) & 1u)));
    text.push_back(static_cast<char>(0x80u | (byte & 0x3Fu)));
    name.remove_prefix(1);
  }
  return text;
}

std::string from_text(std::string_view text) {
  std::string name;
  name.reserve(text.size());
  while (!text.empty()) {
    if (!is_escape(text)) {
      const std::size_t size = std::max<std::size_t>(character_size(text), 1);
      name.append(text.substr(0, size));
      text.remove_prefix(size);
      continue;
    }
    const auto high = static_cast<unsigned char>(text[2]);
    const auto low = static_cast<unsigned char>(text[3]);
    name.push_back(static_cast<char>(0x80u | ((high & 1u) << 6u) | (low & 0x3Fu)));
    text.remove_prefix(kEscapeSize);
  }
  return name;
}

}  // namespace outboard::server
