// Telling: a change made elsewhere that a process beside the daemon makes once more in this view,
// so that whoever watches there (inotify, fanotify) sees it: a notice to the kernel raises no
// event, what a program does raises all. [S12, D33]
#pragma once

#include <string>

#include "core/change.h"
#include "fusefs/volume/invalidator.h"

namespace outboard::fusefs {

enum class Tale : std::uint8_t {
  made,     // CREATE of `after`
  changed,  // OPEN, MODIFY, CLOSE_WRITE of `after`
  touched,  // ATTRIB of `after`
  gone,     // DELETE of `before`
  moved,    // MOVED_FROM `before`, MOVED_TO `after`
};

struct Telling {
  Tale tale = Tale::made;
  Dentry before;
  Dentry after;
  std::string before_path;  // within the view: "/a/b"
  std::string after_path;
  Node node;        // as it was, of what is gone; else as it is
  NodeId shown_as;  // of what is gone: the kernel's number for it; 0: it did not know it
};

}  // namespace outboard::fusefs
