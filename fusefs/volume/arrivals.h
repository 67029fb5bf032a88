// Arrivals: which windows of content are on their way, so that nobody asks for one of them again.
//
// The kernel asks for a file's next pages before the last have come, and a program for a file that
// a batch is bringing: whoever comes second waits for the first. Any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <unordered_set>

#include "core/clock.h"
#include "core/guarded.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::fusefs {

struct WindowKey {
  Inode inode;
  Version version;
  std::uint64_t window = 0;
  friend bool operator==(const WindowKey&, const WindowKey&) = default;
};

class Arrivals {
 public:
  // True: the caller is to bring it, and then says end(). False: somebody else has, or has failed.
  // timed_out: it is still on its way at `deadline`, or nobody waits for the request any more.
  Result<bool> begin(const WindowKey& key, Moment deadline);
  // The same without a wait; false: it is on its way.
  bool try_begin(const WindowKey& key);
  void end(const WindowKey& key);

 private:
  struct Hash {
    std::size_t operator()(const WindowKey& key) const noexcept {
      std::size_t hash = std::hash<std::uint64_t>{}(key.inode.value);
      hash = hash * 1'000'003 + key.version.value;
      return hash * 1'000'003 + key.window;
    }
  };

  Mutex mutex_;
  Condition ended_;
  std::unordered_set<WindowKey, Hash> keys_ GUARDED_BY(mutex_);
};

}  // namespace outboard::fusefs
