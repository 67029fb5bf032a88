// ContentRules: what the owner of a volume wants checked in what is written to it.
//
// The rules of core/commit.h ask it, within the transaction, about all that a batch has written or
// given a name, before the batch is answered: that is why no way into a volume passes by. The
// volume's Strictness decides what a fault leads to. The one implementation with opinions is
// publishing/content_rules.h. Pure: bytes in, words out. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace outboard {

// New bytes of a file, and what stands around them.
struct Passage {
  std::string_view path;  // of the file, for the message
  std::string_view text;  // as the file has it
  std::size_t from = 0;   // the new bytes are text[from, to)
  std::size_t to = 0;
  std::uint64_t offset = 0;  // of `text` in the file; 0: its lines can be counted
};

// A fault is a sentence for the writer: where, which rule, the way out. It never quotes a secret.
class ContentRules {
 public:
  virtual ~ContentRules() = default;

  // What is wrong with the SKILL.md at `path`, whose whole content this is.
  virtual std::optional<std::string> skill_fault(std::string_view path,
                                                 std::string_view content) const = 0;
  // The first thing among the new bytes, or across their edge, that looks like a secret.
  virtual std::optional<std::string> secret_fault(const Passage& passage) const = 0;
};

// Finds no fault in anything: for stores whose volumes have no such rules.
class NoContentRules final : public ContentRules {
 public:
  std::optional<std::string> skill_fault(std::string_view, std::string_view) const override {
    return std::nullopt;
  }
  std::optional<std::string> secret_fault(const Passage&) const override { return std::nullopt; }
};

}  // namespace outboard
