// SiblingRuns: which directories are being read file by file, and what comes next in them. Pure.
//
// A program that reads a directory goes by its listing (find, tar, grep -r) or by its names
// (`cat *`). Once a file is read that comes soon behind the one before, in either order, more are
// brought than it asked for, twice as many each time; a file that comes from elsewhere begins anew.
// Guarded by the volume's lock.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "fusefs/volume/tree_cache.h"

namespace outboard::fusefs {

class SiblingRuns {
 public:
  // Bytes of a file that is to be brought if it comes next; nothing: not this one.
  using Wanted = std::function<std::optional<std::uint64_t>(Inode)>;
  // `name` of `directory` is being read, and nobody had brought it: those to bring now.
  std::vector<Inode> next(Inode directory, const std::string& name, const Places& places,
                          const Wanted& wanted);

 private:
  enum class Order : std::uint8_t { listing, names };
  struct Run {
    Inode directory;
    std::string last;  // read, or brought
    std::size_t files = 0;
  };
  // Up to `most` entries behind `name`.
  static std::vector<const Child*> behind(Order order, const std::string& name,
                                          const Places& places, std::size_t most);
  Run& run_of(Inode directory, const std::string& name);

  std::deque<Run> runs_;  // the latest first
};

}  // namespace outboard::fusefs
