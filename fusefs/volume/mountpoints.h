// Mountpoints: the names in a view's root at which other views stand. [S56]
//
// Each is an empty directory of this mount's own, whatever the volume has under that name: shown to
// all, changed by nobody, and never announced to the kernel, which would take the mount away with
// the name. Fixed from the start on.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"
#include "fusefs/volume/view.h"

namespace outboard::fusefs {

class Mountpoints {
 public:
  Mountpoints(const View& view, Timestamp made);

  static bool owns(NodeId id);
  // By the name in the root, by the id; nothing when it is none.
  const Shown* find(std::string_view name) const;
  const Shown* find(NodeId id) const;
  const std::vector<std::pair<std::string, Shown>>& all() const { return all_; }

 private:
  std::vector<std::pair<std::string, Shown>> all_;
};

// no_access: what a change of a mountpoint is answered.
Error is_mountpoint(std::string_view name);

}  // namespace outboard::fusefs
