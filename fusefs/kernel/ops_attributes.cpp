// Requests about attributes: stat, chmod, chown, utimens, truncate, xattrs, statfs.
#include <sys/statvfs.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "core/limits.h"
#include "fusefs/kernel/ops.h"
#include "fusefs/kernel/reply.h"

namespace outboard::fusefs {
namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr std::int64_t kSecondsMax = std::numeric_limits<std::int64_t>::max() / kNanos - 1;
constexpr std::uint64_t kStatfsBlock = 4096;

// What is beyond the years 1677 to 2262 becomes the last second of those.
Timestamp to_timestamp(const timespec& at) {
  const std::int64_t seconds = std::clamp(std::int64_t{at.tv_sec}, -kSecondsMax, kSecondsMax);
  return {seconds * kNanos + at.tv_nsec};
}

Timestamp now() {
  timespec at{};
  clock_gettime(CLOCK_REALTIME, &at);
  return to_timestamp(at);
}

AttributeChange change_of(const struct stat& attributes, int which) {
  AttributeChange change;
  if (which & FUSE_SET_ATTR_MODE) change.mode = attributes.st_mode & 07777U;
  if (which & FUSE_SET_ATTR_UID) change.uid = attributes.st_uid;
  if (which & FUSE_SET_ATTR_GID) change.gid = attributes.st_gid;
  if (which & FUSE_SET_ATTR_SIZE) change.size = static_cast<std::uint64_t>(attributes.st_size);
  if (which & FUSE_SET_ATTR_ATIME) change.accessed = to_timestamp(attributes.st_atim);
  if (which & FUSE_SET_ATTR_MTIME) change.modified = to_timestamp(attributes.st_mtim);
  if (which & FUSE_SET_ATTR_ATIME_NOW) change.accessed = now();
  if (which & FUSE_SET_ATTR_MTIME_NOW) change.modified = now();
  return change;
}

void on_getattr(fuse_req_t request, fuse_ino_t ino, fuse_file_info*) {
  Reply reply(request);
  const auto shown = volume_of(request).attributes(NodeId{ino});
  if (!shown) return std::move(reply).error(shown.error());
  std::move(reply).attributes(*shown);
}

void on_setattr(fuse_req_t request, fuse_ino_t ino, struct stat* attributes, int which,
                fuse_file_info* file) {
  Reply reply(request);
  const HandleId handle{file == nullptr ? 0 : file->fh};
  MountedVolume& volume = volume_of(request);
  const auto shown =
      is_told(request) ? volume.attributes(NodeId{ino})
                       : volume.set_attributes(NodeId{ino}, change_of(*attributes, which), handle);
  const bool of_owner = (which & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) != 0;
  if (!shown && of_owner && shown.error().code == Code::no_access) {
    return std::move(reply).error_number(chown_errno_of(shown.error().code));
  }
  if (!shown) return std::move(reply).error(shown.error());
  std::move(reply).attributes(*shown);
}

// Size 0 asks how large the answer is.
void answer_xattr(Reply reply, std::string_view bytes, std::size_t size) {
  if (size == 0) return std::move(reply).xattr_size(bytes.size());
  if (bytes.size() > size) return std::move(reply).error_number(ERANGE);
  std::move(reply).bytes(bytes);
}

void on_getxattr(fuse_req_t request, fuse_ino_t ino, const char* name, std::size_t size) {
  Reply reply(request);
  const auto value = volume_of(request).xattr(NodeId{ino}, name);
  if (!value) return std::move(reply).error_number(xattr_errno_of(value.error().code));
  answer_xattr(std::move(reply), *value, size);
}

void on_listxattr(fuse_req_t request, fuse_ino_t ino, std::size_t size) {
  Reply reply(request);
  const auto names = volume_of(request).xattr_names(NodeId{ino});
  if (!names) return std::move(reply).error_number(xattr_errno_of(names.error().code));
  std::string list;
  for (const std::string& name : *names) list.append(name).push_back('\0');
  answer_xattr(std::move(reply), list, size);
}

void on_setxattr(fuse_req_t request, fuse_ino_t ino, const char* name, const char* value,
                 std::size_t size, int flags) {
  Reply reply(request);
  XattrMode mode = XattrMode::create_or_replace;
  if (flags == XATTR_CREATE) mode = XattrMode::create;
  if (flags == XATTR_REPLACE) mode = XattrMode::replace;
  const auto set =
      volume_of(request).set_xattr(NodeId{ino}, name, std::string_view(value, size), mode);
  if (!set) return std::move(reply).error_number(xattr_errno_of(set.error().code));
  std::move(reply).done();
}

void on_removexattr(fuse_req_t request, fuse_ino_t ino, const char* name) {
  Reply reply(request);
  const auto removed = volume_of(request).remove_xattr(NodeId{ino}, name);
  if (!removed) return std::move(reply).error_number(xattr_errno_of(removed.error().code));
  std::move(reply).done();
}

void on_statfs(fuse_req_t request, fuse_ino_t) {
  Reply reply(request);
  const Space space = volume_of(request).space();
  struct statvfs answer {};
  answer.f_bsize = kStatfsBlock;
  answer.f_frsize = kStatfsBlock;
  answer.f_blocks = space.bytes / kStatfsBlock;
  answer.f_bfree = answer.f_bavail = space.bytes_free / kStatfsBlock;
  answer.f_files = space.nodes;
  answer.f_ffree = answer.f_favail = space.nodes_free;
  answer.f_namemax = kNameBytesMax;
  std::move(reply).space(answer);
}

void on_ioctl(fuse_req_t request, fuse_ino_t, unsigned, void*, fuse_file_info*, unsigned,
              const void*, std::size_t, std::size_t) {
  Reply(request).error_number(ENOTTY);
}

}  // namespace

void add_attribute_ops(fuse_lowlevel_ops& ops) {
  ops.getattr = on_getattr;
  ops.setattr = on_setattr;
  ops.getxattr = on_getxattr;
  ops.listxattr = on_listxattr;
  ops.setxattr = on_setxattr;
  ops.removexattr = on_removexattr;
  ops.statfs = on_statfs;
  ops.ioctl = on_ioctl;
}

}  // namespace outboard::fusefs
