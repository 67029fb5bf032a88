// Requests about bytes: open, read, write, flush, fsync, release.
#include <fcntl.h>
#include <linux/fuse.h>

#include <cerrno>
#include <cstring>

#include "fusefs/kernel/ops.h"
#include "fusefs/kernel/reply.h"

namespace outboard::fusefs {
namespace {

OpenMode mode_of(int flags) {
  OpenMode mode;
  mode.read = (flags & O_ACCMODE) != O_WRONLY;
  mode.write = (flags & O_ACCMODE) != O_RDONLY;
  mode.append = (flags & O_APPEND) != 0;
  mode.truncate = (flags & O_TRUNC) != 0;
  return mode;
}

HandleId handle_of(const fuse_file_info* file) {
  return HandleId{file->fh};
}

void fill(fuse_file_info& file, const Opened& opened) {
  file.fh = opened.handle.value;
  file.keep_cache = opened.keep_cache ? 1 : 0;
  // Through its cache the kernel sends a write page by page, and another program's close could
  // publish the half of a line: past it a write is one request. [S3]
  const bool appends = (file.flags & O_APPEND) != 0 && (file.flags & O_ACCMODE) != O_RDONLY;
  file.direct_io = appends ? 1 : 0;
  // Nothing to publish when nothing can be written: close costs no request. But a close gives up
  // its process's locks in the file, and the kernel says so in FLUSH only. [S54]
  file.noflush = (file.flags & O_ACCMODE) == O_RDONLY && !opened.locked ? 1 : 0;
}

// Who may not keep set-id bits in what is written. libfuse does not show what the kernel says of
// it. [S20]
bool kills_set_id() {
  fuse_write_in words{};
  if (raw_request.size() < sizeof(fuse_in_header) + sizeof words) return false;
  std::memcpy(&words, raw_request.data() + sizeof(fuse_in_header), sizeof words);
  return (words.write_flags & FUSE_WRITE_KILL_SUIDGID) != 0;
}

// The kernel says nothing of it when it opens, and clears no bits there itself. [S20]
bool truncates_for_others(fuse_req_t request, const fuse_file_info* file) {
  return (file->flags & O_TRUNC) != 0 && fuse_req_ctx(request)->uid != 0;
}

// Recipe R: a read-only view has no open after the first answer. [S1]
void on_open(fuse_req_t request, fuse_ino_t ino, fuse_file_info* file) {
  Reply reply(request, Signals::patient);
  MountedVolume& volume = volume_of(request);
  if (volume.view().read_only && volume.lasting()) return std::move(reply).error_number(ENOSYS);
  if (is_told(request)) {
    std::move(reply).open(*file);  // handle 0: nothing is kept of it
    return;
  }
  if (truncates_for_others(request, file)) {
    if (auto cleared = volume.clear_set_id(NodeId{ino}); !cleared) {
      return std::move(reply).error(cleared.error());
    }
  }
  const auto opened = volume.open_file(NodeId{ino}, mode_of(file->flags));
  if (!opened) return std::move(reply).error(opened.error());
  fill(*file, *opened);
  if (!std::move(reply).open(*file)) volume.release(opened->handle);
}

void on_create(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* file) {
  Reply reply(request, Signals::patient);
  MountedVolume& volume = volume_of(request);
  if (is_told(request)) {
    const auto made = volume.told_made(NodeId{parent}, name);
    if (!made) return std::move(reply).error(made.error());
    if (!std::move(reply).create(*made, *file)) volume.forget(made->id, 1);
    return;
  }
  const bool exclusive = (file->flags & O_EXCL) != 0;
  const auto made = volume.create(NodeId{parent}, name, mode, mode_of(file->flags), exclusive,
                                  requester_of(request));
  if (!made) return std::move(reply).error(made.error());
  fill(*file, made->second);
  if (std::move(reply).create(made->first, *file)) return;
  volume.release(made->second.handle);
  volume.forget(made->first.id, 1);
}

void on_read(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, fuse_file_info*) {
  Reply reply(request, Signals::patient);
  const auto bytes = volume_of(request).read(NodeId{ino}, static_cast<std::uint64_t>(offset), size);
  if (!bytes) return std::move(reply).error(bytes.error());
  std::move(reply).bytes(*bytes);
}

// [S3] A page written back by mmap has a place, whatever the descriptor's flags say.
void on_write(fuse_req_t request, fuse_ino_t ino, const char* buffer, std::size_t size,
              off_t offset, fuse_file_info* file) {
  Reply reply(request);
  MountedVolume& volume = volume_of(request);
  if (kills_set_id()) {
    if (auto cleared = volume.clear_set_id(NodeId{ino}); !cleared) {
      return std::move(reply).error(cleared.error());
    }
  }
  const bool append = file->writepage == 0 && (file->flags & O_APPEND) != 0;
  const auto wrote = volume.write(handle_of(file), static_cast<std::uint64_t>(offset),
                                  std::string_view(buffer, size), append);
  if (!wrote) return std::move(reply).error(wrote.error());
  // Behind a write through its cache the kernel asks for it by FSYNC, and only there. [S2]
  if (append && (file->flags & O_DSYNC) != 0) {
    if (auto kept = volume.sync(handle_of(file)); !kept) {
      return std::move(reply).error(kept.error());
    }
  }
  std::move(reply).wrote(*wrote);
}

// [S2] The kernel drops the answer of release, so the commit is here.
void on_flush(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  Reply reply(request, Signals::patient);
  if (volume_of(request).view().read_only) return std::move(reply).error_number(ENOSYS);
  const auto kept = volume_of(request).flush(handle_of(file));
  volume_of(request).end_locks(handle_of(file), file->lock_owner);
  if (!kept) return std::move(reply).error(kept.error());
  std::move(reply).done();
}

void on_fsync(fuse_req_t request, fuse_ino_t, int, fuse_file_info* file) {
  Reply reply(request, Signals::patient);
  if (volume_of(request).view().read_only) return std::move(reply).done();
  const auto kept = volume_of(request).sync(handle_of(file));
  if (!kept) return std::move(reply).error(kept.error());
  std::move(reply).done();
}

// A read-only view has handles, too, while the kernel may remember nothing.
void on_release(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  Reply reply(request, Signals::none);
  volume_of(request).release(handle_of(file));
  std::move(reply).done();
}

void on_fallocate(fuse_req_t request, fuse_ino_t, int mode, off_t offset, off_t length,
                  fuse_file_info* file) {
  Reply reply(request);
  if (mode != 0) return std::move(reply).error_number(EOPNOTSUPP);
  const auto allocated = volume_of(request).allocate(
      handle_of(file), static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length));
  if (!allocated) return std::move(reply).error(allocated.error());
  std::move(reply).done();
}

// All of a file is data up to its end, where the one hole begins.
void on_lseek(fuse_req_t request, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*) {
  Reply reply(request);
  const auto shown = volume_of(request).attributes(NodeId{ino});
  if (!shown) return std::move(reply).error(shown.error());
  const auto size = static_cast<off_t>(shown->attributes.size);
  if (offset < 0 || offset >= size) return std::move(reply).error_number(ENXIO);
  std::move(reply).seek(whence == SEEK_DATA ? offset : size);
}

}  // namespace

void add_content_ops(fuse_lowlevel_ops& ops) {
  ops.open = on_open;
  ops.create = on_create;
  ops.read = on_read;
  ops.write = on_write;
  ops.flush = on_flush;
  ops.fsync = on_fsync;
  ops.release = on_release;
  ops.fallocate = on_fallocate;
  ops.lseek = on_lseek;
}

}  // namespace outboard::fusefs
