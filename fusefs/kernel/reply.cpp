#include "fusefs/kernel/reply.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cerrno>

#include "core/check.h"
#include "fusefs/volume/request_scope.h"

namespace outboard::fusefs {
namespace {

constexpr std::int64_t kNanos = 1'000'000'000;
constexpr blksize_t kBlockSize = 4096;
constexpr std::uint64_t kStatBlock = 512;

mode_t type_of(Kind kind) {
  switch (kind) {
    case Kind::file: return S_IFREG;
    case Kind::directory: return S_IFDIR;
    case Kind::symlink: return S_IFLNK;
    case Kind::fifo: return S_IFIFO;
    case Kind::socket: return S_IFSOCK;
    case Kind::char_device: return S_IFCHR;
    case Kind::block_device: return S_IFBLK;
  }
  return S_IFREG;
}

timespec to_timespec(Timestamp at) {
  std::int64_t seconds = at.nanoseconds / kNanos;
  std::int64_t rest = at.nanoseconds % kNanos;
  if (rest < 0) {
    rest += kNanos;
    --seconds;
  }
  return {seconds, rest};
}

}  // namespace

int errno_of(Code code) {
  switch (code) {
    case Code::not_found: return ENOENT;
    case Code::exists: return EEXIST;
    case Code::not_directory: return ENOTDIR;
    case Code::is_directory: return EISDIR;
    case Code::not_empty: return ENOTEMPTY;
    case Code::name_too_long: return ENAMETOOLONG;
    case Code::invalid: return EINVAL;
    case Code::no_access: return EACCES;
    case Code::unauthenticated: return EACCES;
    case Code::read_only: return EROFS;
    case Code::too_big: return EFBIG;
    case Code::no_space: return EDQUOT;
    case Code::conflict: return ESTALE;
    case Code::fenced: return ESTALE;
    case Code::cross_volume: return EXDEV;
    case Code::history_gone: return EIO;
    case Code::timed_out: return EIO;
    case Code::unavailable: return EIO;
    case Code::unsupported: return EOPNOTSUPP;
    case Code::corrupt: return EIO;
  }
  return EIO;
}

int xattr_errno_of(Code code) {
  return code == Code::not_found ? ENODATA : errno_of(code);
}

int chown_errno_of(Code code) {
  return code == Code::no_access ? EPERM : errno_of(code);
}

struct stat to_stat(const Shown& shown) {
  const Attributes& from = shown.attributes;
  struct stat to {};
  to.st_ino = shown.ino;
  to.st_mode = type_of(shown.kind) | from.mode;
  to.st_nlink = from.links;
  to.st_uid = from.uid;
  to.st_gid = from.gid;
  to.st_rdev = static_cast<dev_t>(from.device);
  to.st_size = static_cast<off_t>(from.size);
  to.st_blksize = kBlockSize;
  to.st_blocks = static_cast<blkcnt_t>((from.size + kStatBlock - 1) / kStatBlock);
  to.st_atim = to_timespec(from.accessed);
  to.st_mtim = to_timespec(from.modified);
  to.st_ctim = to_timespec(from.changed);
  return to;
}

fuse_entry_param to_entry(const Shown& shown) {
  fuse_entry_param entry{};
  entry.ino = shown.id.value;
  entry.attr = to_stat(shown);
  entry.entry_timeout = shown.lasting ? kForever : 0;
  entry.attr_timeout = shown.settled && shown.lasting ? kForever : 0;
  return entry;
}

namespace {

void on_interrupt(fuse_req_t, void* data) {
  auto* request = static_cast<RequestWatch::Request*>(data);
  request->watch->interrupted(*request);
}

}  // namespace

Reply::Reply(fuse_req_t request, Signals signals) : request_(request) {
  RequestWatch& watch = static_cast<Served*>(fuse_req_userdata(request))->watch;
  ticket_ = watch.begin(fuse_req_ctx(request)->pid, signals);
  if (signals == Signals::none) return;
  RequestScope::begin(ticket_->given_up);
  fuse_req_interrupt_func(request, on_interrupt, ticket_.get());
}

Reply::~Reply() {
  CHECK(request_ == nullptr);
}

std::shared_ptr<Cancellation> Reply::lay_aside() {
  ticket_->watch->lay_aside(*ticket_, raw_request);
  RequestScope::end();
  return ticket_->given_up;
}

// libfuse calls on_interrupt with the request locked: behind the second line none runs any more.
fuse_req_t Reply::take() {
  fuse_req_t request = std::exchange(request_, nullptr);
  fuse_req_interrupt_func(request, nullptr, nullptr);
  RequestScope::end();
  ticket_->watch->end(ticket_);
  return request;
}

void Reply::error(const Error& error) && {
  if (error.code == Code::timed_out && ticket_->given_up->requested()) {
    return std::move(*this).error_number(EINTR);
  }
  std::move(*this).error_number(errno_of(error.code));
}

void Reply::error_number(int number) && {
  if (number != 0) static_cast<Served*>(fuse_req_userdata(request_))->counts.refused(number);
  fuse_reply_err(take(), number);
}

void Reply::none() && {
  fuse_reply_none(take());
}

bool Reply::entry(const Shown& shown) && {
  const fuse_entry_param entry = to_entry(shown);
  return fuse_reply_entry(take(), &entry) == 0;
}

void Reply::absent(bool lasting) && {
  fuse_entry_param entry{};  // ino 0: there is none, and that is cached
  entry.entry_timeout = lasting ? kForever : 0;
  fuse_reply_entry(take(), &entry);
}

bool Reply::create(const Shown& shown, const fuse_file_info& file) && {
  const fuse_entry_param entry = to_entry(shown);
  return fuse_reply_create(take(), &entry, &file) == 0;
}

void Reply::attributes(const Shown& shown) && {
  const struct stat attributes = to_stat(shown);
  fuse_reply_attr(take(), &attributes, shown.settled && shown.lasting ? kForever : 0);
}

void Reply::symlink(const std::string& target) && {
  fuse_reply_readlink(take(), target.c_str());
}

bool Reply::open(const fuse_file_info& file) && {
  return fuse_reply_open(take(), &file) == 0;
}

void Reply::wrote(std::size_t size) && {
  fuse_reply_write(take(), size);
}

void Reply::bytes(std::string_view bytes) && {
  fuse_reply_buf(take(), bytes.data(), bytes.size());
}

void Reply::space(const struct statvfs& space) && {
  fuse_reply_statfs(take(), &space);
}

void Reply::xattr_size(std::size_t size) && {
  fuse_reply_xattr(take(), size);
}

void Reply::seek(off_t offset) && {
  fuse_reply_lseek(take(), offset);
}

void Reply::lock(const struct flock& lock) && {
  fuse_reply_lock(take(), &lock);
}

}  // namespace outboard::fusefs
