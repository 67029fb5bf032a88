// OpenFile: the unsaved bytes of one node id, shared by all handles on it, so that local processes
// see each other's writes before they are published, as on a local disk.
//
// The content is a stack: the version in the tree (or the pinned one), then the parcels that are on
// their way or in doubt, oldest first, then the buffer that takes writes. Guarded by the volume's
// lock.
#pragma once

#include <deque>
#include <memory>
#include <optional>

#include "core/op.h"
#include "fusefs/volume/invalidator.h"
#include "fusefs/volume/write_buffer.h"

namespace outboard::fusefs {

using HandleId = Id<struct HandleTag>;

struct OpenMode {
  bool read = false;
  bool write = false;
  bool append = false;
  bool truncate = false;
};

struct Handle {
  NodeId node;
  OpenMode mode;
  bool locks = false;  // a lock was taken through it
};

// What became of a parcel that has landed.
enum class Fate : std::uint8_t {
  stored,  // the version that it landed in has its bytes where this id shows them, or behind
           // others'
  merged,  // it is in the file among others' changes: no version has what this id shows
  beside,  // it could not be merged: it is in a conflict copy, and not in the file [S35]
};

// A published or about to be published buffer.
struct Parcel {
  std::shared_ptr<const Batch> batch;  // sent again, same request id, when its fate is in doubt
  WriteBuffer buffer;
  std::optional<Version> landed;  // an append that is committed, but whose place the feed must tell
  Fate fate = Fate::stored;
  std::optional<Timestamp> modified = {};  // when these bytes were written
};

struct OpenFile {
  Inode inode;
  std::uint32_t handles = 0;
  std::uint32_t writers = 0;
  std::uint32_t lockers = 0;  // handles that lock: what others publish arrives in place [S54]
  bool forsaken = false;      // written under a lock that was lost: only good beside the file
  WriteBuffer top;
  std::deque<Parcel> parcels;
  // What of the buffers above is in the file though no version has it alone, laid over the version
  // below. What is published on it names it, so that only the difference is merged. [S35]
  WriteBuffer merged;
  bool publishing = false;            // one thread at a time sends
  std::optional<Timestamp> modified;  // set by utimens or by the last write, not yet published
  bool times_set = false;             // by utimens: published with the bytes
  Moment dirty_since;                 // of the oldest byte in `top`
  std::uint64_t edits = 0;            // how often it was written to

  bool dirty() const { return !top.empty() || times_set || on_its_way(); }
  // Holds bytes with a fixed place: another's append must not slip under them.
  bool overlays() const {
    if (!top.empty() && !top.appends_only()) return true;
    for (const Parcel& parcel : parcels) {
      if (!parcel.buffer.appends_only()) return true;
    }
    return false;
  }
  // Whether the newest parcel's version is what lies below `top`: nothing of others' came between
  // it and `base`, the version at the bottom.
  bool is_a_version(Version base) const {
    for (const Parcel& parcel : parcels) {
      if (parcel.fate != Fate::stored || parcel.landed != Version{base.value + 1}) return false;
      base = *parcel.landed;
    }
    return merged.empty();
  }
  std::uint64_t size_below_top(std::uint64_t base) const {
    for (const Parcel& parcel : parcels) base = parcel.buffer.size(base);
    return base;
  }
  bool on_its_way() const { return !parcels.empty() && !parcels.back().landed; }
  // Of the newest bytes, as long as they are not published.
  std::optional<Timestamp> modified_here() const {
    return modified || !on_its_way() ? modified : parcels.back().modified;
  }
  std::uint64_t size(std::uint64_t base) const { return top.size(size_below_top(base)); }
  std::uint64_t bytes_held() const {
    std::uint64_t held = top.bytes_held();
    for (const Parcel& parcel : parcels) held += parcel.buffer.bytes_held();
    return held;
  }
};

}  // namespace outboard::fusefs
