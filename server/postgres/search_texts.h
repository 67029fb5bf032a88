// Texts of current contents, many at once: what the search and its indexer read.
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "core/search_run.h"
#include "server/postgres/connection.h"

namespace outboard::server {

// Contents read together: 8 MiB of inline ones at the most.
inline constexpr std::size_t kTextsAtOnce = 128;

// How a content is handed out. Redacted ones are not.
struct TextTaker {
  std::function<bool(const SearchCandidate&, std::string_view)> text;  // false: no more
  std::function<void(const SearchCandidate&)> binary;                  // known from its first chunk
  std::function<bool(const SearchCandidate&)> stop;                    // asked before each
};

// In the order of `wanted`, within the transaction that is open. False: the taker has enough.
Result<bool> read_texts(Connection& connection, VolumeId volume,
                        const std::vector<SearchCandidate>& wanted, const TextTaker& take,
                        Moment deadline);

}  // namespace outboard::server
