// MountAcks: how far the mounts that follow a store's feed have come, for publishes on strict
// volumes to wait for. [S7]
//
// subscribe() of a sink that shows → join; its acknowledgements → acknowledge; a publish → wait.
// A mount that has left may go on showing what it holds until its lease runs out, so it is in the
// way for kStrictLease, as one that does not answer. One whose kernel remembers has acknowledged
// nothing: it was made before its volume became strict, and has yet to change.
//
// Any thread may call. One lock, a leaf.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "core/guarded.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard {

// Of who waited for mounts until a deadline that came before their lease had run out.
Error not_settled(Seq seq);

class MountAcks {
 public:
  using Key = std::uint64_t;

  Key join(VolumeId volume, Seq after, bool remembers);
  void acknowledge(VolumeId volume, Key mount, Seq seq, bool remembers);
  // Nobody waits for a frozen one: it asks where the volume is before it shows anything again.
  void set_frozen(VolumeId volume, Key mount, bool frozen);
  void leave(VolumeId volume, Key mount, Moment now);

  // Whether the volume is strict, as was seen last. Who knows may be told that it has changed, and
  // then knows nothing until it is seen again; what was looked up before that is not taken.
  void set_strict(VolumeId volume, bool strict);
  bool is_strict(VolumeId volume) const;
  bool knows(VolumeId volume) const;
  std::uint64_t looks() const;
  void learn_strict(VolumeId volume, bool strict, std::uint64_t looks);
  void forget_strict();

  // Whether every mount has acknowledged `seq`, is frozen, or has left long enough ago.
  bool settled(VolumeId volume, Seq seq, Moment now) const;
  // Waits for that; false when `until` has passed first.
  bool wait(VolumeId volume, Seq seq, Moment until);

  // Until something has changed since `seen`, poke() was called, or `until` has passed; what to
  // pass next time.
  std::uint64_t wait_for_change(std::uint64_t seen, Moment until);
  void poke();

 private:
  struct Mount {
    Seq acknowledged;
    bool remembers = false;
    bool frozen = false;

    Seq counts() const { return remembers ? Seq{} : acknowledged; }
  };
  // Thousands of mounts acknowledge each publish: only the slowest of them is news.
  struct Mounts {
    std::map<Key, Mount> live;
    std::map<Seq, std::size_t> at;  // how many of the live, not frozen, have come to which seq
    std::vector<Moment> left;       // when each is out of the way
  };

  // When the last that is in the way by having left will not be; Moment{}: none is.
  Moment clear_at(const Mounts& mounts, Moment now) const REQUIRES_LOCK(mutex_);
  static bool acknowledged(const Mounts& mounts, Seq seq);
  static void count(Mounts& mounts, const Mount& mount, bool in);
  void change() REQUIRES_LOCK(mutex_);

  mutable Mutex mutex_;
  Condition changed_;
  std::map<VolumeId, Mounts> volumes_ GUARDED_BY(mutex_);
  std::map<VolumeId, bool> strict_ GUARDED_BY(mutex_);
  std::uint64_t looks_ GUARDED_BY(mutex_) = 0;  // counts forget_strict()
  Key last_key_ GUARDED_BY(mutex_) = 0;
  std::uint64_t changes_ GUARDED_BY(mutex_) = 0;
};

}  // namespace outboard
