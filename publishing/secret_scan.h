// Secret scan: finds what looks like a credential in text, so that it does not get into files that
// many people, agents and backups see.
//
// Known shapes (keys of clouds, code forges, chats and models, private keys, signed tokens) and
// assignments of random-looking values to names like `password`. A value that says EXAMPLE is none.
// One pass over the text. What is found is never copied into a message. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace outboard::publishing {

struct FoundSecret {
  std::string_view kind;  // "a GitHub token"
  std::size_t at = 0;     // where it begins in the text
  std::size_t size = 0;
};

// The first that touches text[from, to): one that lies wholly outside was there before.
std::optional<FoundSecret> find_secret(std::string_view text, std::size_t from, std::size_t to);

}  // namespace outboard::publishing
