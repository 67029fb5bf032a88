#include "core/ids.h"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>

#include "core/check.h"

namespace outboard {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::size_t kTextSize = 36;

bool is_dash_place(std::size_t i) {
  return i == 8 || i == 13 || i == 18 || i == 23;
}

void stamp(Uuid& uuid, unsigned version) {
  uuid.bytes[6] = static_cast<std::uint8_t>((uuid.bytes[6] & 0x0Fu) | (version << 4u));
  uuid.bytes[8] = static_cast<std::uint8_t>((uuid.bytes[8] & 0x3Fu) | 0x80u);
}

}  // namespace

std::string to_string(const Uuid& uuid) {
  std::string text;
  text.reserve(kTextSize);
  for (const std::uint8_t byte : uuid.bytes) {
    if (is_dash_place(text.size())) text.push_back('-');
    text.push_back(kHex[byte >> 4u]);
    text.push_back(kHex[byte & 0x0Fu]);
  }
  return text;
}

std::optional<Uuid> parse_uuid(std::string_view text) {
  if (text.size() != kTextSize) return std::nullopt;
  Uuid uuid;
  std::size_t digits = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_dash_place(i)) {
      if (text[i] != '-') return std::nullopt;
      continue;
    }
    const char c = text[i] >= 'A' && text[i] <= 'F' ? static_cast<char>(text[i] + 32) : text[i];
    const std::size_t digit = kHex.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    auto& byte = uuid.bytes[digits / 2];
    byte = static_cast<std::uint8_t>((byte << 4u) | digit);
    ++digits;
  }
  return uuid;
}

Uuid random_uuid() {
  Uuid uuid;
  CHECK(RAND_bytes(uuid.bytes.data(), static_cast<int>(uuid.bytes.size())) == 1);
  stamp(uuid, 4);
  return uuid;
}

Uuid named_uuid(const Uuid& space, std::string_view name) {
  std::string input(space.bytes.begin(), space.bytes.end());
  input.append(name);
  std::array<unsigned char, EVP_MAX_MD_SIZE> sha1{};
  unsigned size = 0;
  CHECK(EVP_Digest(input.data(), input.size(), sha1.data(), &size, EVP_sha1(), nullptr) == 1);
  Uuid uuid;
  std::copy_n(sha1.begin(), uuid.bytes.size(), uuid.bytes.begin());
  stamp(uuid, 5);
  return uuid;
}

}  // namespace outboard
