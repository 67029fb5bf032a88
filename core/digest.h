// Digests of content: SHA-256 where others must agree on it, XXH3 where only we look.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outboard {

// The identity of bytes towards the world: preconditions, the CLI, SQL (`sha256()`).
struct Sha256 {
  std::array<std::uint8_t, 32> bytes{};

  friend auto operator<=>(const Sha256&, const Sha256&) = default;
};

Sha256 sha256(std::string_view bytes);
std::string to_string(const Sha256& digest);  // 64 hexadecimal digits
std::optional<Sha256> parse_sha256(std::string_view text);

// Fast, not collision-proof against a hostile writer: for caches and for damage in transit only.
std::uint64_t xxh3(std::string_view bytes);

// A secret of `size` bytes from the system's random source, as URL-safe text.
std::string random_secret(std::size_t size);

}  // namespace outboard
