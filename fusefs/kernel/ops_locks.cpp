// Requests about locks: fcntl's ranges (of a process, or of an open file) and flock's whole files.
//
// A lock that others hold leaves the worker: its reply is laid aside until the store, a signal or
// the end of the mount answers it. [S54]
#include <fcntl.h>
#include <sys/file.h>

#include <cerrno>

#include "fusefs/kernel/ops.h"
#include "fusefs/kernel/reply.h"

namespace outboard::fusefs {
namespace {

LockAsk ask_of(fuse_ino_t ino, const fuse_file_info* file) {
  LockAsk ask;
  ask.node = NodeId{ino};
  ask.handle = HandleId{file->fh};
  ask.owner = file->lock_owner;
  return ask;
}

LockAsk ask_of(fuse_ino_t ino, const fuse_file_info* file, const struct flock& lock) {
  LockAsk ask = ask_of(ino, file);
  ask.start = static_cast<std::uint64_t>(lock.l_start);
  ask.length = static_cast<std::uint64_t>(lock.l_len);
  if (lock.l_type == F_RDLCK) ask.kind = LockKind::shared;
  if (lock.l_type == F_WRLCK) ask.kind = LockKind::exclusive;
  ask.process = lock.l_pid;
  return ask;
}

// What a program is told of a lock that it cannot have; a conflict here is a circle of waiters.
void refuse(Reply& reply, const Error& error) {
  if (error.code == Code::too_big) return std::move(reply).error_number(ENOLCK);
  // Of a file that has no name any more the store keeps no locks.
  if (error.code == Code::not_found) return std::move(reply).error_number(ENOLCK);
  std::move(reply).error(error);
}

void lock(fuse_req_t request, const LockAsk& ask, bool wait) {
  MountedVolume& volume = volume_of(request);
  const auto reply = std::make_shared<Reply>(request, Signals::any);
  const auto got = volume.try_lock(ask);
  if (!got) return refuse(*reply, got.error());
  if (*got) return std::move(*reply).done();
  if (!wait) return std::move(*reply).error_number(EAGAIN);
  volume.await_lock_later(ask, reply->lay_aside(), [reply](const Status& taken) {
    if (taken) return std::move(*reply).done();
    if (taken.error().code == Code::conflict) return std::move(*reply).error_number(EDEADLK);
    refuse(*reply, taken.error());
  });
}

void on_setlk(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file, struct flock* wanted,
              int wait) {
  lock(request, ask_of(ino, file, *wanted), wait != 0);
}

void on_flock(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file, int op) {
  LockAsk ask = ask_of(ino, file);
  ask.whole_file = true;
  if ((op & LOCK_SH) != 0) ask.kind = LockKind::shared;
  if ((op & LOCK_EX) != 0) ask.kind = LockKind::exclusive;
  lock(request, ask, (op & LOCK_NB) == 0);
}

void on_getlk(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file, struct flock* wanted) {
  Reply reply(request, Signals::any);
  MountedVolume& volume = volume_of(request);
  const auto holder = volume.test_lock(ask_of(ino, file, *wanted));
  if (!holder) return refuse(reply, holder.error());
  struct flock answer = *wanted;
  answer.l_type = F_UNLCK;
  if (*holder) {
    answer.l_type = (*holder)->kind == LockKind::exclusive ? F_WRLCK : F_RDLCK;
    answer.l_whence = SEEK_SET;
    answer.l_start = static_cast<off_t>((*holder)->start);
    answer.l_len = static_cast<off_t>((*holder)->length);
    answer.l_pid = volume.process_of(NodeId{ino}, **holder);
  }
  std::move(reply).lock(answer);
}

}  // namespace

void add_lock_ops(fuse_lowlevel_ops& ops) {
  ops.getlk = on_getlk;
  ops.setlk = on_setlk;
  ops.flock = on_flock;
}

}  // namespace outboard::fusefs
