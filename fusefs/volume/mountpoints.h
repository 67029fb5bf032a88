// Mountpoints: the names in a view's root at which other views stand. [S56]
//
// Each is an empty directory of this mount's own, whatever the volume has under that name: shown to
// all, changed by nobody, and never announced to the kernel, which would take the mount away with
// the name. Any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/guarded.h"
#include "core/result.h"
#include "fusefs/volume/invalidator.h"
#include "fusefs/volume/view.h"

namespace outboard::fusefs {

class Mountpoints {
 public:
  Mountpoints(const View& view, Timestamp made);

  static bool owns(NodeId id);
  // By the name in the root, by the id; nothing when it is none.
  std::optional<Shown> find(std::string_view name) const;
  std::optional<Shown> find(NodeId id) const;
  // In the order of their ids.
  std::vector<std::pair<std::string, Shown>> all() const;
  bool any() const;
  // View::mountpoints of a daemon that goes on with the same ids.
  std::vector<std::string> names() const;

  // False: it is one already.
  bool add(std::string_view name);
  void remove(std::string_view name);
  // What is told of other names, to whom it concerns; nobody adds a name meanwhile. While one
  // stands nobody is told to look up every name again.
  void post(std::vector<Notice> notices, Invalidator& to) const;

 private:
  struct Rows {
    std::vector<std::pair<std::string, Shown>> all;
    std::uint64_t next = 0;  // id, of those that are still to come
  };

  const Attributes attributes_;
  Guarded<Rows> rows_;
};

// no_access: what a change of a mountpoint is answered.
Error is_mountpoint(std::string_view name);

}  // namespace outboard::fusefs
