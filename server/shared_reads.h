// SharedReads: one read of a whole volume for all who ask for the same tree at the same time.
//
// After a change a fleet's mounts ask for a tree that nobody has kept yet. Whoever joins first
// reads it, on its own thread and connection; the others wait for its answer and hold neither. It
// is done when the one who reads has kept the tree and said so: what comes later finds it kept.
// When the read fails, those who waited begin anew, and one of them is the first again.
//
// What always holds: of one volume and seq at most one read is under way. A read's time is up only
// when nobody who joined it has any left, whoever does it. Nothing is held of a read that has ended
// but by those who use it.
//
// Any thread. Lock order: the list of reads, then one read; neither is held while reading.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "core/guarded.h"
#include "core/result.h"
#include "server/snapshot_cache.h"

namespace outboard::server {

class SharedReads {
 public:
  using Entries = SnapshotCache::Entries;

  class Read {
   public:
    // The latest deadline of all who have joined: that of the read itself.
    Moment until() const;
    // The entries; null: they are too many to be shared, each reads for itself. timed_out when the
    // read has not ended at `deadline`, else the error that it ended with.
    Result<Entries> wait(Moment deadline);

   private:
    friend class SharedReads;
    void extend(Moment deadline);
    void finish(Result<Entries> result);

    mutable Mutex mutex_;
    Condition ended_;
    Moment until_ GUARDED_BY(mutex_) = Moment::min();
    std::optional<Result<Entries>> result_ GUARDED_BY(mutex_);
  };

  struct Joined {
    std::shared_ptr<Read> read;
    bool first = false;  // the caller is to do it, and to end it whatever comes of it
  };

  Joined join(VolumeId volume, Seq seq, Moment deadline);
  // REQUIRES: the caller was the first to join it, and what is to be kept has been kept.
  void end(VolumeId volume, Seq seq, Result<Entries> result);

 private:
  Guarded<std::map<std::pair<VolumeId, Seq>, std::shared_ptr<Read>>> reads_;
};

}  // namespace outboard::server
