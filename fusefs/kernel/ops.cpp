#include "fusefs/kernel/ops.h"

namespace outboard::fusefs {
namespace {

void want(fuse_conn_info* connection, unsigned capability, bool on) {
  if (on && (connection->capable & capability) != 0) {
    connection->want |= capability;
  } else {
    connection->want &= ~capability;
  }
}

void on_init(void* userdata, fuse_conn_info* connection) {
  const bool read_only = static_cast<Served*>(userdata)->volume.view().read_only;
  // With no_open the truncate of O_TRUNC would never arrive: it must come as a SETATTR then.
  want(connection, FUSE_CAP_ATOMIC_O_TRUNC, !read_only);
  want(connection, FUSE_CAP_NO_OPEN_SUPPORT, read_only);
  want(connection, FUSE_CAP_NO_OPENDIR_SUPPORT, read_only);
  // The kernel keeps what it has until it is told: it must not guess from times and sizes.
  want(connection, FUSE_CAP_AUTO_INVAL_DATA, false);
  want(connection, FUSE_CAP_EXPLICIT_INVAL_DATA, true);
  want(connection, FUSE_CAP_WRITEBACK_CACHE, false);  // it would hide O_APPEND
  want(connection, FUSE_CAP_READDIRPLUS, true);
  want(connection, FUSE_CAP_READDIRPLUS_AUTO, false);
  want(connection, FUSE_CAP_PARALLEL_DIROPS, true);
  want(connection, FUSE_CAP_CACHE_SYMLINKS, true);
  want(connection, FUSE_CAP_ASYNC_READ, true);
  want(connection, FUSE_CAP_HANDLE_KILLPRIV, false);  // it clears set-id bits where it can
  want(connection, FUSE_CAP_SPLICE_READ, false);
  want(connection, FUSE_CAP_SPLICE_WRITE, false);
  want(connection, FUSE_CAP_SPLICE_MOVE, false);
  // Without OPEN nobody says when a program's locks end: those of a read-only view are the
  // kernel's own.
  want(connection, FUSE_CAP_POSIX_LOCKS, !read_only);
  want(connection, FUSE_CAP_FLOCK_LOCKS, !read_only);
}

}  // namespace

bool is_told(fuse_req_t request) {
  return volume_of(request).told_by(fuse_req_ctx(request)->pid);
}

Requester requester_of(fuse_req_t request) {
  const View& view = volume_of(request).view();
  if (view.owners == Owners::view) return {view.uid, view.gid};
  const fuse_ctx* context = fuse_req_ctx(request);
  return {context->uid, context->gid};
}

fuse_lowlevel_ops make_ops() {
  fuse_lowlevel_ops ops{};
  ops.init = on_init;
  add_name_ops(ops);
  add_content_ops(ops);
  add_attribute_ops(ops);
  add_lock_ops(ops);
  return ops;
}

}  // namespace outboard::fusefs
