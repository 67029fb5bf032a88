#include "core/digest.h"

#include <openssl/evp.h>
#include <openssl/rand.h>
#include <xxhash.h>

#include "core/check.h"

namespace outboard {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";
constexpr std::string_view kUrlSafe =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

}  // namespace

Sha256 sha256(std::string_view bytes) {
  Sha256 digest;
  unsigned size = 0;
  CHECK(EVP_Digest(bytes.data(), bytes.size(), digest.bytes.data(), &size, EVP_sha256(), nullptr));
  CHECK(size == digest.bytes.size());
  return digest;
}

std::string to_string(const Sha256& digest) {
  std::string text;
  text.reserve(digest.bytes.size() * 2);
  for (const std::uint8_t byte : digest.bytes) {
    text.push_back(kHex[byte >> 4u]);
    text.push_back(kHex[byte & 0x0Fu]);
  }
  return text;
}

std::optional<Sha256> parse_sha256(std::string_view text) {
  Sha256 digest;
  if (text.size() != digest.bytes.size() * 2) return std::nullopt;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t digit = kHex.find(text[i]);
    if (digit == std::string_view::npos) return std::nullopt;
    auto& byte = digest.bytes[i / 2];
    byte = static_cast<std::uint8_t>((byte << 4u) | digit);
  }
  return digest;
}

std::uint64_t xxh3(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

std::string random_secret(std::size_t size) {
  std::string raw(size, '\0');
  CHECK(RAND_bytes(reinterpret_cast<unsigned char*>(raw.data()), static_cast<int>(size)) == 1);
  std::string text;
  unsigned held = 0;
  unsigned bits = 0;
  for (const char c : raw) {
    held = (held << 8u) | static_cast<unsigned char>(c);
    for (bits += 8; bits >= 6; bits -= 6) text.push_back(kUrlSafe[(held >> (bits - 6)) & 63u]);
    held &= (1u << bits) - 1;
  }
  if (bits > 0) text.push_back(kUrlSafe[(held << (6 - bits)) & 63u]);
  return text;
}

}  // namespace outboard
