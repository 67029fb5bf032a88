// Scope: what a caller sees and may change in one volume: its grants there, as path prefixes.
//
// server/access makes one for each request and answers reads by it; the rules (core/commit.h) ask
// it inside the transaction, about paths as they are then. Pure.
//
// What always holds: rights grow downwards. Whatever may be read or written may be so all the way
// down; above a prefix there is nothing but the directories that lead to it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.h"
#include "core/entry.h"

namespace outboard {

enum class Right : std::uint8_t {
  none,  // answered as if nothing stood there
  walk,  // a directory on the way to a prefix: it is there, and shows the next step only
  read,
  write,
};

class Scope {
 public:
  // Sees nothing.
  Scope() = default;
  static Scope whole(bool write);
  // Of those grants that are for `volume` (or for every volume), by number.
  static Scope of(const std::vector<Grant>& grants, VolumeId volume);
  // Of a request that has come past Access. Without a token and without a grant it is the server's
  // own: all.
  static Scope of(const Caller& caller, VolumeId volume);

  Right at(std::string_view path) const;
  bool empty() const { return reads_.empty(); }
  // Reads need no look at paths; writes need none.
  bool reads_all() const { return reads_.size() == 1 && reads_.front() == "/"; }
  bool writes_all() const { return writes_.size() == 1 && writes_.front() == "/"; }
  bool writes() const { return !writes_.empty(); }
  // What may be read, none within another, in bytewise order.
  const std::vector<std::string>& prefixes() const { return reads_; }
  // The names in the directory `path`, itself on the way, that lead on; in order.
  std::vector<std::string> ways(std::string_view path) const;

 private:
  void add(const Grant& grant);

  std::vector<std::string> reads_;
  std::vector<std::string> writes_;  // each within one of reads_
};

// Whether a grant's pattern is for the volume `name` ("skills", "~ada/memory", without the
// organisation) when `principal` asks: `*` stands for any characters, `~@` for the principal's own.
bool pattern_covers(std::string_view pattern, std::string_view name, std::string_view principal);

// Whether a standing grant's `volumes` is the name of one volume, not a pattern.
bool is_volume_name(std::string_view volumes);

// The caller's grants in this volume, each with its number and without a pattern. None when the
// volume is another organisation's.
std::vector<Grant> grants_in(const Caller& caller, const Volume& volume);

}  // namespace outboard
