// Requests about names: lookup, listing, making, removing, renaming.
#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <optional>

#include "fusefs/kernel/ops.h"
#include "fusefs/kernel/reply.h"

namespace outboard::fusefs {
namespace {

NodeId node_id(fuse_ino_t ino) {
  return NodeId{ino};
}

// A node that the kernel was to be told of; uncounts it when the kernel did not take it.
void answer_entry(fuse_req_t request, Reply reply, const Result<Shown>& shown) {
  MountedVolume& volume = volume_of(request);
  if (!shown) return std::move(reply).error(shown.error());
  if (!std::move(reply).entry(*shown)) volume.forget(shown->id, 1);
}

void answer_status(Reply reply, const Status& status) {
  if (!status) return std::move(reply).error(status.error());
  std::move(reply).done();
}

// [S1, S5]
void on_lookup(fuse_req_t request, fuse_ino_t parent, const char* name) {
  Reply reply(request);
  MountedVolume& volume = volume_of(request);
  std::optional<Result<Shown>> told;
  if (is_told(request)) told = volume.told_lookup(node_id(parent), name);
  const auto shown = told ? *std::move(told) : volume.lookup(node_id(parent), name);
  if (!shown && shown.error().code == Code::not_found) {
    // The teller has to come by what is gone, which the kernel would say is absent.
    return std::move(reply).absent(volume.lasting() && !volume.tells());
  }
  answer_entry(request, std::move(reply), shown);
}

void on_forget(fuse_req_t request, fuse_ino_t ino, std::uint64_t lookups) {
  Reply reply(request);
  volume_of(request).forget(node_id(ino), lookups);
  std::move(reply).none();
}

void on_forget_multi(fuse_req_t request, std::size_t count, fuse_forget_data* forgets) {
  Reply reply(request);
  for (std::size_t i = 0; i < count; ++i) {
    volume_of(request).forget(node_id(forgets[i].ino), forgets[i].nlookup);
  }
  std::move(reply).none();
}

void on_mknod(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode, dev_t device) {
  Reply reply(request);
  Kind kind = Kind::file;
  switch (mode & S_IFMT) {
    case 0: [[fallthrough]];
    case S_IFREG: kind = Kind::file; break;
    case S_IFIFO: kind = Kind::fifo; break;
    case S_IFSOCK: kind = Kind::socket; break;
    case S_IFCHR: kind = Kind::char_device; break;
    case S_IFBLK: kind = Kind::block_device; break;
    default: return std::move(reply).error_number(EINVAL);
  }
  answer_entry(request, std::move(reply),
               volume_of(request).make_node(node_id(parent), name, kind, mode & ~mode_t{S_IFMT},
                                            device, requester_of(request)));
}

void on_mkdir(fuse_req_t request, fuse_ino_t parent, const char* name, mode_t mode) {
  Reply reply(request);
  if (is_told(request)) {
    return answer_entry(request, std::move(reply),
                        volume_of(request).told_made(node_id(parent), name));
  }
  answer_entry(
      request, std::move(reply),
      volume_of(request).make_directory(node_id(parent), name, mode, requester_of(request)));
}

void on_symlink(fuse_req_t request, const char* target, fuse_ino_t parent, const char* name) {
  Reply reply(request);
  if (is_told(request)) {
    return answer_entry(request, std::move(reply),
                        volume_of(request).told_made(node_id(parent), name));
  }
  answer_entry(
      request, std::move(reply),
      volume_of(request).make_symlink(node_id(parent), name, target, requester_of(request)));
}

void on_link(fuse_req_t request, fuse_ino_t ino, fuse_ino_t parent, const char* name) {
  Reply reply(request);
  answer_entry(request, std::move(reply),
               volume_of(request).make_link(node_id(ino), node_id(parent), name));
}

void remove(fuse_req_t request, fuse_ino_t parent, const char* name, bool directory) {
  Reply reply(request);
  MountedVolume& volume = volume_of(request);
  answer_status(std::move(reply), is_told(request)
                                      ? volume.told_gone(node_id(parent), name)
                                      : volume.remove(node_id(parent), name, directory));
}

void on_unlink(fuse_req_t request, fuse_ino_t parent, const char* name) {
  remove(request, parent, name, false);
}

void on_rmdir(fuse_req_t request, fuse_ino_t parent, const char* name) {
  remove(request, parent, name, true);
}

// [S4]
void on_rename(fuse_req_t request, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) {
  RenameMode mode = RenameMode::replace;
  switch (flags) {
    case 0: break;
    case RENAME_NOREPLACE: mode = RenameMode::no_replace; break;
    case RENAME_EXCHANGE: mode = RenameMode::exchange; break;
    default: return Reply(request).error_number(EINVAL);
  }
  Reply reply(request);
  MountedVolume& volume = volume_of(request);
  if (is_told(request)) {
    return answer_status(std::move(reply),
                         volume.told_moved(node_id(parent), name, node_id(new_parent), new_name));
  }
  answer_status(std::move(reply),
                volume.rename(node_id(parent), name, node_id(new_parent), new_name, mode));
}

void on_readlink(fuse_req_t request, fuse_ino_t ino) {
  Reply reply(request);
  const auto target = volume_of(request).read_symlink(node_id(ino));
  if (!target) return std::move(reply).error(target.error());
  std::move(reply).symlink(*target);
}

// Recipe R: a read-only view has no opendir after the first answer; cached listings serve it.
void on_opendir(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  Reply reply(request);
  const MountedVolume& volume = volume_of(request);
  const bool lasting = volume.lasting();  // [S7]
  if (volume.view().read_only && lasting) return std::move(reply).error_number(ENOSYS);
  file->keep_cache = lasting ? 1 : 0;
  file->cache_readdir = lasting ? 1 : 0;
  std::move(reply).open(*file);
}

// Names of about 16 bytes: what fits a buffer, and no more is looked up in vain.
constexpr std::size_t kListedBytes = 40;
constexpr std::size_t kListedPlusBytes = 168;

void list(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset, bool plus) {
  Reply reply(request);
  MountedVolume& volume = volume_of(request);
  const std::size_t limit = size / (plus ? kListedPlusBytes : kListedBytes) + 1;
  const auto listed = volume.list(node_id(ino), static_cast<std::uint64_t>(offset), limit, plus);
  if (!listed) return std::move(reply).error(listed.error());
  std::string buffer(size, '\0');
  std::size_t used = 0;
  bool full = false;
  for (const Listed& entry : *listed) {
    const auto next = static_cast<off_t>(entry.cookie);
    std::size_t need = 0;
    if (!full && plus) {
      const fuse_entry_param param = to_entry(entry.shown);
      need = fuse_add_direntry_plus(request, buffer.data() + used, size - used, entry.name.c_str(),
                                    &param, next);
    } else if (!full) {
      const struct stat attributes = to_stat(entry.shown);
      need = fuse_add_direntry(request, buffer.data() + used, size - used, entry.name.c_str(),
                               &attributes, next);
    }
    full = full || need > size - used;
    if (!full) used += need;
    if (full && plus && entry.shown.id) volume.forget(entry.shown.id, 1);
  }
  std::move(reply).bytes(std::string_view(buffer).substr(0, used));
}

void on_readdir(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset,
                fuse_file_info*) {
  list(request, ino, size, offset, false);
}

void on_readdirplus(fuse_req_t request, fuse_ino_t ino, std::size_t size, off_t offset,
                    fuse_file_info*) {
  list(request, ino, size, offset, true);
}

void on_releasedir(fuse_req_t request, fuse_ino_t, fuse_file_info*) {
  Reply(request).done();
}

// Names are committed when they are made: there is nothing left to do.
void on_fsyncdir(fuse_req_t request, fuse_ino_t, int, fuse_file_info*) {
  Reply(request).done();
}

}  // namespace

void add_name_ops(fuse_lowlevel_ops& ops) {
  ops.lookup = on_lookup;
  ops.forget = on_forget;
  ops.forget_multi = on_forget_multi;
  ops.mknod = on_mknod;
  ops.mkdir = on_mkdir;
  ops.symlink = on_symlink;
  ops.link = on_link;
  ops.unlink = on_unlink;
  ops.rmdir = on_rmdir;
  ops.rename = on_rename;
  ops.readlink = on_readlink;
  ops.opendir = on_opendir;
  ops.readdir = on_readdir;
  ops.readdirplus = on_readdirplus;
  ops.releasedir = on_releasedir;
  ops.fsyncdir = on_fsyncdir;
}

}  // namespace outboard::fusefs
