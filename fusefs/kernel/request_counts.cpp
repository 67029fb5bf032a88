#include "fusefs/kernel/request_counts.h"

#include <linux/fuse.h>

#include <cerrno>
#include <cstring>
#include <string_view>

namespace outboard::fusefs {
namespace {

// By number, so that a header older than the kernel knows them, too.
std::string_view name_of(std::size_t opcode) {
  switch (opcode) {
    case FUSE_LOOKUP: return "LOOKUP";
    case FUSE_FORGET: return "FORGET";
    case FUSE_GETATTR: return "GETATTR";
    case FUSE_SETATTR: return "SETATTR";
    case FUSE_READLINK: return "READLINK";
    case FUSE_SYMLINK: return "SYMLINK";
    case FUSE_MKNOD: return "MKNOD";
    case FUSE_MKDIR: return "MKDIR";
    case FUSE_UNLINK: return "UNLINK";
    case FUSE_RMDIR: return "RMDIR";
    case FUSE_RENAME: return "RENAME";
    case FUSE_LINK: return "LINK";
    case FUSE_OPEN: return "OPEN";
    case FUSE_READ: return "READ";
    case FUSE_WRITE: return "WRITE";
    case FUSE_STATFS: return "STATFS";
    case FUSE_RELEASE: return "RELEASE";
    case FUSE_FSYNC: return "FSYNC";
    case FUSE_SETXATTR: return "SETXATTR";
    case FUSE_GETXATTR: return "GETXATTR";
    case FUSE_LISTXATTR: return "LISTXATTR";
    case FUSE_REMOVEXATTR: return "REMOVEXATTR";
    case FUSE_FLUSH: return "FLUSH";
    case FUSE_INIT: return "INIT";
    case FUSE_OPENDIR: return "OPENDIR";
    case FUSE_READDIR: return "READDIR";
    case FUSE_RELEASEDIR: return "RELEASEDIR";
    case FUSE_FSYNCDIR: return "FSYNCDIR";
    case FUSE_GETLK: return "GETLK";
    case FUSE_SETLK: return "SETLK";
    case FUSE_SETLKW: return "SETLKW";
    case FUSE_ACCESS: return "ACCESS";
    case FUSE_CREATE: return "CREATE";
    case FUSE_INTERRUPT: return "INTERRUPT";
    case FUSE_DESTROY: return "DESTROY";
    case FUSE_IOCTL: return "IOCTL";
    case FUSE_BATCH_FORGET: return "BATCH_FORGET";
    case FUSE_FALLOCATE: return "FALLOCATE";
    case FUSE_READDIRPLUS: return "READDIRPLUS";
    case FUSE_RENAME2: return "RENAME2";
    case FUSE_LSEEK: return "LSEEK";
    case FUSE_COPY_FILE_RANGE: return "COPY_FILE_RANGE";
    default: return {};
  }
}

std::string operation(std::size_t opcode) {
  const std::string_view name = name_of(opcode);
  return name.empty() ? "operation " + std::to_string(opcode) : std::string(name);
}

std::string errno_name(int number) {
  const char* name = ::strerrorname_np(number);
  return name == nullptr ? std::to_string(number) : name;
}

}  // namespace

void RequestCounts::arrived(std::uint32_t opcode) {
  if (opcode < kOpcodes) arrived_[opcode].add();
}

void RequestCounts::refused(int number) {
  if (number > 0 && static_cast<std::size_t>(number) < kNumbers) {
    refused_[static_cast<std::size_t>(number)].add();
  }
}

Activity RequestCounts::activity() const {
  Activity activity;
  activity.errors = refused_[EIO].value();
  for (std::size_t opcode = 0; opcode < kOpcodes; ++opcode) {
    const std::uint64_t count = arrived_[opcode].value();
    if (count == 0) continue;
    activity.requests[operation(opcode)] = count;
  }
  return activity;
}

void RequestCounts::measure(Figures& to, const Labels& view) const {
  for (const auto& [name, count] : activity().requests) {
    Labels labels = view;
    labels.emplace_back("operation", name);
    to.count("outboard_mount_requests_total", "What the kernel asked, by operation.", count,
             std::move(labels));
  }
  for (std::size_t number = 0; number < kNumbers; ++number) {
    const std::uint64_t count = refused_[number].value();
    if (count == 0 && number != EIO) continue;
    Labels labels = view;
    labels.emplace_back("errno", errno_name(static_cast<int>(number)));
    to.count("outboard_mount_errors_total",
             "Requests answered with an error, which most are of no concern: EIO is.", count,
             std::move(labels));
  }
}

}  // namespace outboard::fusefs
