// Invalidator: where the volume says what the kernel must drop. The kernel caches for ever, so a
// change it is not told of is stale for ever.
//
// follower, volume → post() → the notifier's own threads → the kernel. post() only queues and may
// be called from any thread, also from one that answers a request; nothing here waits for the
// kernel but flushed() and has_room().
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"

namespace outboard::fusefs {

// The kernel's number for a node of one view: (inode, content generation). 64 bits, never reused
// within a daemon. The root is 1.
using NodeId = Id<struct NodeIdTag>;
inline constexpr NodeId kRootId{1};

enum class NoticeKind : std::uint8_t {
  name_gone,   // what stood at (directory, name) is no longer `node` (0: any)
  name_new,    // something stands at (directory, name), which may be cached as absent
  content,     // bytes of `node` from `from` on, and its attributes
  attributes,  // of `node`
  store,       // nothing to drop: `bytes` are the whole content of `node`, to be kept
  unused,      // `unused`, in this order, as far as nobody uses them: they need not be remembered
  all_names,   // every name: what stood there may be another node, or none
};

struct Notice {
  NoticeKind kind = NoticeKind::attributes;
  NodeId node;
  NodeId directory;
  std::string name;
  std::uint64_t from = 0;
  std::shared_ptr<const std::string> bytes;
  std::vector<NodeId> unused;
  // Of content and attributes: the names under which a lookup may be under way that read the old
  // attributes and whose answer the kernel has not seen yet.
  std::vector<std::pair<NodeId, std::string>> names;
  std::shared_ptr<std::atomic<bool>> delivered;  // set once the kernel has dropped it
};

class Invalidator {
 public:
  virtual ~Invalidator() = default;
  virtual void post(std::vector<Notice> notices) = 0;
  // Whether all that was posted before the call has reached the kernel; false when `until` passed.
  virtual bool flushed(Moment until) = 0;
  // Whether the kernel keeps up, so that more may be posted; false when `until` passed. For who
  // brings what others did, and answers no request.
  virtual bool has_room(Moment until) = 0;
  // Every name that the kernel remembers, absences too, it looks up again from here on; what others
  // have mounted upon directories is taken out of the tree by that. False: this kernel cannot.
  virtual bool forget_names() = 0;
};

}  // namespace outboard::fusefs
