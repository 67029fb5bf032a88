// Unsettled: what a mount of a strict volume has heard of that another mount may still show as it
// was before. Pure.
//
// absorb() notes each change; the store's word and time take it away; whoever is about to show a
// name or a node asks for the change that has to settle first. So what one mount has shown, no
// other contradicts afterwards. [S7]
//
// Guarded by the volume's lock.
#pragma once

#include <deque>
#include <map>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/change.h"
#include "core/clock.h"

namespace outboard::fusefs {

class Unsettled {
 public:
  // All that is here by `seq` may be, whatever it is: nothing is known of how it came.
  void begin(Seq seq, Moment now);
  void note(const Change& change, Moment now);
  // Every mount shows `upto`, or nothing that is older.
  void settled(Seq upto);
  // What came here kStrictLease ago is settled, whoever has said so: its commit is older still.
  void pass(Moment now);
  // The volume is not strict.
  void clear();

  // The last change that has to settle before it may be shown; 0: none. Of a volume that is not
  // strict nothing is noted.
  Seq of_node(Inode inode) const;
  Seq of_name(Inode directory, std::string_view name) const;
  Seq of_names_in(Inode directory) const;
  // Whether anything waits at or before `seq`. That may be one that no change has: how far the feed
  // has come, past what is hidden from here.
  bool holds(Seq seq) const {
    const bool arrived = !arrivals_.empty() && arrivals_.front().seq <= seq;
    return seq > settled_ && (begun_ > settled_ || arrived);
  }
  // When all of that is settled at the latest: behind the pass() of a moment, later than it.
  // REQUIRES: holds(seq).
  Moment lapse(Seq seq) const;

 private:
  struct Arrival {
    Seq seq;
    Moment at;
    std::vector<Inode> nodes;
    std::vector<Dentry> names;
  };
  // All but what came before anybody looked at single changes.
  Seq at_least(Seq seq) const { return std::max(seq, begun_ > settled_ ? begun_ : Seq{}); }
  void drop_front();

  Seq settled_;
  Seq begun_;  // 0: of all that came since the changes are known
  Moment begun_at_{};
  std::deque<Arrival> arrivals_;  // by seq and by moment
  std::unordered_map<Inode, Seq> nodes_;
  std::map<Dentry, Seq> names_;
};

}  // namespace outboard::fusefs
