// ops: what the kernel may ask, each translated to one verb of MountedVolume and answered.
//
// Files: ops_names, ops_content, ops_attributes, ops_locks. Each op runs on one of the session's
// workers; its userdata is a Served. Nothing here decides anything.
#pragma once

#include "fusefs/kernel/fuse.h"
#include "fusefs/kernel/reply.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

inline MountedVolume& volume_of(fuse_req_t request) {
  return static_cast<Served*>(fuse_req_userdata(request))->volume;
}

// Who asks; in a view with owners of its own, its owner.
// Whether who asks is the view's teller, for whom nothing is done but said. [S12]
bool is_told(fuse_req_t request);
Requester requester_of(fuse_req_t request);

void add_name_ops(fuse_lowlevel_ops& ops);
void add_content_ops(fuse_lowlevel_ops& ops);
void add_attribute_ops(fuse_lowlevel_ops& ops);
void add_lock_ops(fuse_lowlevel_ops& ops);

// The table for a view, by recipe R when it is read-only.
fuse_lowlevel_ops make_ops();

}  // namespace outboard::fusefs
