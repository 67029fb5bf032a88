#include "core/mount_acks.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard {

Error not_settled(Seq seq) {
  return Error{Code::timed_out,
               "not every mount has come to seq " + to_string(seq) + " before the deadline"};
}

MountAcks::Key MountAcks::join(VolumeId volume, Seq after, bool remembers) {
  const Lock lock(mutex_);
  Mounts& mounts = volumes_[volume];
  const auto mount = mounts.live.emplace(++last_key_, Mount{after, remembers, false}).first;
  count(mounts, mount->second, true);
  return last_key_;
}

void MountAcks::acknowledge(VolumeId volume, Key key, Seq seq, bool remembers) {
  const Lock lock(mutex_);
  Mounts& mounts = volumes_[volume];
  const auto found = mounts.live.find(key);
  if (found == mounts.live.end()) return;
  Mount& mount = found->second;
  if (seq <= mount.acknowledged && remembers == mount.remembers) return;
  const bool slowest = !mounts.at.empty() && mounts.at.begin()->first == mount.counts();
  count(mounts, mount, false);
  mount.acknowledged = std::max(mount.acknowledged, seq);
  mount.remembers = remembers;
  count(mounts, mount, true);
  if (slowest) change();
}

void MountAcks::set_frozen(VolumeId volume, Key mount, bool frozen) {
  const Lock lock(mutex_);
  Mounts& mounts = volumes_[volume];
  const auto found = mounts.live.find(mount);
  if (found == mounts.live.end()) return;
  count(mounts, found->second, false);
  found->second.frozen = frozen;
  count(mounts, found->second, true);
  change();
}

void MountAcks::leave(VolumeId volume, Key mount, Moment now) {
  const Lock lock(mutex_);
  Mounts& mounts = volumes_[volume];
  std::erase_if(mounts.left, [&](Moment at) { return at <= now; });
  const auto found = mounts.live.find(mount);
  if (found == mounts.live.end()) return;
  count(mounts, found->second, false);
  if (!found->second.frozen) mounts.left.push_back(now + kStrictLease);
  mounts.live.erase(found);
  change();
}

void MountAcks::count(Mounts& mounts, const Mount& mount, bool in) {
  if (mount.frozen) return;
  std::size_t& there = mounts.at[mount.counts()];
  if (in) {
    ++there;
  } else {
    --there;
  }
  if (there == 0) mounts.at.erase(mount.counts());
}

void MountAcks::set_strict(VolumeId volume, bool strict) {
  const Lock lock(mutex_);
  strict_[volume] = strict;
}

bool MountAcks::is_strict(VolumeId volume) const {
  const Lock lock(mutex_);
  const auto known = strict_.find(volume);
  return known != strict_.end() && known->second;
}

bool MountAcks::knows(VolumeId volume) const {
  const Lock lock(mutex_);
  return strict_.contains(volume);
}

std::uint64_t MountAcks::looks() const {
  const Lock lock(mutex_);
  return looks_;
}

void MountAcks::learn_strict(VolumeId volume, bool strict, std::uint64_t looks) {
  const Lock lock(mutex_);
  if (looks == looks_) strict_.emplace(volume, strict);
}

void MountAcks::forget_strict() {
  const Lock lock(mutex_);
  ++looks_;
  strict_.clear();
}

Moment MountAcks::clear_at(const Mounts& mounts, Moment now) const {
  Moment last{};
  for (const Moment at : mounts.left) {
    if (at > now) last = std::max(last, at);
  }
  return last;
}

bool MountAcks::acknowledged(const Mounts& mounts, Seq seq) {
  return mounts.at.empty() || mounts.at.begin()->first >= seq;
}

bool MountAcks::settled(VolumeId volume, Seq seq, Moment now) const {
  const Lock lock(mutex_);
  const auto found = volumes_.find(volume);
  if (found == volumes_.end()) return true;
  return acknowledged(found->second, seq) && clear_at(found->second, now) == Moment{};
}

bool MountAcks::wait(VolumeId volume, Seq seq, Moment until) {
  const Lock lock(mutex_);
  for (;;) {
    const Moment now = std::chrono::steady_clock::now();
    const Mounts& mounts = volumes_[volume];
    const Moment clear = clear_at(mounts, now);
    const bool all = acknowledged(mounts, seq);
    if (all && clear == Moment{}) return true;
    if (now >= until) return false;
    changed_.wait_until(mutex_, all ? std::min(until, clear) : until);
  }
}

std::uint64_t MountAcks::wait_for_change(std::uint64_t seen, Moment until) {
  const Lock lock(mutex_);
  while (changes_ == seen) {
    if (!changed_.wait_until(mutex_, until)) break;
  }
  return changes_;
}

void MountAcks::poke() {
  const Lock lock(mutex_);
  change();
}

void MountAcks::change() {
  ++changes_;
  changed_.notify_all();
}

}  // namespace outboard
