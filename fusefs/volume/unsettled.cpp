#include "fusefs/volume/unsettled.h"

#include <algorithm>
#include <iterator>

#include "core/limits.h"

namespace outboard::fusefs {

void Unsettled::begin(Seq seq, Moment now) {
  clear();
  begun_ = seq;
  begun_at_ = now;
}

void Unsettled::note(const Change& change, Moment now) {
  pass(now);
  if (change.seq <= settled_ || change.seq <= begun_) return;
  if (!arrivals_.empty() && change.seq <= arrivals_.back().seq) return;  // heard of already
  Arrival arrival{change.seq, now, {change.node.inode}, {}};
  if (change.other) arrival.nodes.push_back(change.other->inode);
  if (change.before) arrival.names.push_back(*change.before);
  if (change.after) arrival.names.push_back(*change.after);
  for (const Inode inode : arrival.nodes) nodes_.insert_or_assign(inode, change.seq);
  for (const Dentry& name : arrival.names) names_.insert_or_assign(name, change.seq);
  arrivals_.push_back(std::move(arrival));
}

void Unsettled::settled(Seq upto) {
  settled_ = std::max(settled_, upto);
  while (!arrivals_.empty() && arrivals_.front().seq <= settled_) drop_front();
}

void Unsettled::pass(Moment now) {
  if (begun_ > settled_ && begun_at_ + kStrictLease <= now) settled(begun_);
  while (!arrivals_.empty() && arrivals_.front().at + kStrictLease <= now) {
    settled(arrivals_.front().seq);
  }
}

void Unsettled::clear() {
  *this = Unsettled{};
}

Seq Unsettled::of_node(Inode inode) const {
  const auto found = nodes_.find(inode);
  return at_least(found == nodes_.end() ? Seq{} : found->second);
}

Seq Unsettled::of_name(Inode directory, std::string_view name) const {
  if (names_.empty()) return at_least({});
  const auto found = names_.find({directory, std::string(name)});
  return at_least(found == names_.end() ? Seq{} : found->second);
}

Seq Unsettled::of_names_in(Inode directory) const {
  Seq last;
  for (auto at = names_.lower_bound({directory, {}});
       at != names_.end() && at->first.parent == directory; ++at) {
    last = std::max(last, at->second);
  }
  return at_least(last);
}

Moment Unsettled::lapse(Seq seq) const {
  const auto behind = std::ranges::upper_bound(arrivals_, seq, {}, &Arrival::seq);
  const Moment came = behind == arrivals_.begin() ? begun_at_ : std::prev(behind)->at;
  return came + kStrictLease;
}

void Unsettled::drop_front() {
  const Arrival& gone = arrivals_.front();
  for (const Inode inode : gone.nodes) {
    const auto found = nodes_.find(inode);
    if (found != nodes_.end() && found->second == gone.seq) nodes_.erase(found);
  }
  for (const Dentry& name : gone.names) {
    const auto found = names_.find(name);
    if (found != names_.end() && found->second == gone.seq) names_.erase(found);
  }
  arrivals_.pop_front();
}

}  // namespace outboard::fusefs
