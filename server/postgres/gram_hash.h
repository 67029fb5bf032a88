// Grams as search_files holds them: hashed together with their volume.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/grams.h"
#include "core/ids.h"

namespace outboard::server {

// No gram: stands for a file with more grams than are kept, a candidate of every search.
inline constexpr Gram kAnyGram = 1U << 24U;

inline std::int32_t gram_hash(VolumeId volume, Gram gram) {
  // The finalizer of splitmix64.
  std::uint64_t mixed = (volume.value << 25U) ^ gram;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9ULL;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBULL;
  return static_cast<std::int32_t>(static_cast<std::uint32_t>(mixed ^ (mixed >> 31U)));
}

// As the text of an integer[]: "{1,-2}".
inline std::string gram_array(VolumeId volume, const std::vector<Gram>& grams) {
  std::string text = "{";
  for (const Gram gram : grams) {
    if (text.size() > 1) text += ',';
    text += std::to_string(gram_hash(volume, gram));
  }
  return text + "}";
}

}  // namespace outboard::server
