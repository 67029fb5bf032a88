#include "cli/sync/folder.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>
#include <set>
#include <utility>

#include "core/clock.h"
#include "core/merge.h"
#include "core/path.h"
#include "core/running_sha256.h"

namespace outboard::sync {
namespace {

constexpr std::size_t kReadStep = 1U << 18U;
// Several times the coarsest tick of a kernel's clock for files: what was written within one tick
// of a look may be as long and as old as what was seen.
constexpr std::int64_t kTickNanoseconds = 50'000'000;
// More files than this go to the disk together.
constexpr std::size_t kSettleOneByOne = 8;
constexpr std::size_t kNamesBeside = 64;

Code code_of(int number) {
  if (number == ENOENT) return Code::not_found;
  if (number == EEXIST) return Code::exists;
  if (number == ENOTDIR || number == ELOOP) return Code::not_directory;
  if (number == EISDIR) return Code::is_directory;
  if (number == ENOTEMPTY) return Code::not_empty;
  if (number == EACCES || number == EPERM) return Code::no_access;
  if (number == EROFS) return Code::read_only;
  if (number == ENOSPC || number == EDQUOT) return Code::no_space;
  return Code::invalid;
}

std::int64_t nanoseconds(const struct timespec& at) {
  return at.tv_sec * 1'000'000'000 + at.tv_nsec;
}

Stamp stamp_of(const struct stat& found) {
  return {found.st_ino, static_cast<std::uint64_t>(found.st_size), nanoseconds(found.st_mtim),
          nanoseconds(found.st_ctim)};
}

Found found_of(const struct stat& seen) {
  Found found;
  found.stamp = stamp_of(seen);
  const std::int64_t last = std::max(found.stamp.modified, found.stamp.changed);
  found.settled = SystemClock().wall().nanoseconds - last > kTickNanoseconds;
  found.mode = seen.st_mode & 07777U;
  found.executable = S_ISREG(seen.st_mode) && (seen.st_mode & S_IXUSR) != 0;
  if (S_ISDIR(seen.st_mode)) found.kind = Kind::directory;
  if (S_ISLNK(seen.st_mode)) found.kind = Kind::symlink;
  if (S_ISFIFO(seen.st_mode)) found.kind = Kind::fifo;
  if (S_ISSOCK(seen.st_mode)) found.kind = Kind::socket;
  if (S_ISCHR(seen.st_mode)) found.kind = Kind::char_device;
  if (S_ISBLK(seen.st_mode)) found.kind = Kind::block_device;
  return found;
}

// A rename changes the time of the last change, and nothing else.
bool same_but_renamed(const Stamp& a, const Stamp& b) {
  return a.inode == b.inode && a.size == b.size && a.modified == b.modified;
}

std::string name_of(std::string_view path) {
  return std::string(split_last(path).second);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) ::close(fd_);
}

Fd& Fd::operator=(Fd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Draft::Draft(int folder, std::string name, Fd fd)
    : folder_(folder), name_(std::move(name)), fd_(std::move(fd)) {}

Draft::Draft(Draft&& other) noexcept
    : folder_(other.folder_), name_(std::exchange(other.name_, {})), fd_(std::move(other.fd_)) {}

Draft::~Draft() {
  if (!name_.empty()) ::unlinkat(folder_, name_.c_str(), 0);
}

Status Draft::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd_.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      return Error{code_of(errno), std::string("cannot write into ") + std::string(kStateName) +
                                       ": " + std::strerror(errno)};
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return success();
}

Folder::Folder(std::filesystem::path path, Fd root, Fd state, Fd lock)
    : path_(std::move(path)),
      root_(std::move(root)),
      state_(std::move(state)),
      lock_(std::move(lock)) {}

Result<Folder> Folder::open(const std::filesystem::path& path) {
  const auto refuse = [&](std::string_view doing) {
    return Error{code_of(errno),
                 "cannot " + std::string(doing) + " " + path.string() + ": " + std::strerror(errno),
                 path.string()};
  };
  std::error_code failed;
  std::filesystem::create_directories(path, failed);
  Fd root(::open(path.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  if (!root.good()) return refuse("open");
  const std::string name(kStateName);
  if (::mkdirat(root.get(), name.c_str(), 0700) != 0 && errno != EEXIST) return refuse("write to");
  Fd state(::openat(root.get(), name.c_str(), O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC));
  if (!state.good()) return refuse("enter .outboard-sync in");
  Fd lock(::openat(state.get(), "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!lock.good()) return refuse("lock");
  if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
    return Error{Code::conflict,
                 "another `outboard sync` keeps " + path.string() + " in step: end that one first",
                 path.string()};
  }
  Folder folder(std::filesystem::absolute(path), std::move(root), std::move(state),
                std::move(lock));
  auto left = folder.list("/" + name);
  if (!left) return left.error();
  for (const std::string& one : *left) {
    if (one.starts_with("draft-")) ::unlinkat(folder.state_.get(), one.c_str(), 0);
  }
  return folder;
}

std::filesystem::path Folder::shown(std::string_view path) const {
  return path == "/" ? path_ : path_ / path.substr(1);
}

Error Folder::failed(std::string_view doing, std::string_view path, int number) const {
  const std::string at = shown(path).string();
  return Error{code_of(number),
               "cannot " + std::string(doing) + " " + at + ": " + std::strerror(number), at};
}

std::string Folder::draft_name() {
  return "draft-" + std::to_string(++drafts_);
}

bool Folder::still_there() const {
  struct stat own {};
  struct stat named {};
  return ::fstat(root_.get(), &own) == 0 && ::stat(path_.c_str(), &named) == 0 &&
         own.st_dev == named.st_dev && own.st_ino == named.st_ino;
}

Result<Fd> Folder::open_directory(std::string_view path) const {
  Fd at(::openat(root_.get(), ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  if (!at.good()) return failed("open", path, errno);
  for (const std::string_view name : components_of(path)) {
    Fd next(::openat(at.get(), std::string(name).c_str(),
                     O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC));
    if (!next.good()) return failed("enter", path, errno);
    at = std::move(next);
  }
  return at;
}

Result<Fd> Folder::open_parent(std::string_view path, bool make) const {
  const std::string_view parent = split_last(path).first;
  auto opened = open_directory(parent);
  if (opened || !make || opened.error().code != Code::not_found) return opened;
  Fd at(::openat(root_.get(), ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  for (const std::string_view name : components_of(parent)) {
    const std::string step(name);
    if (::mkdirat(at.get(), step.c_str(), 0777) != 0 && errno != EEXIST) {
      return failed("make", parent, errno);
    }
    Fd next(::openat(at.get(), step.c_str(), O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC));
    if (!next.good()) return failed("enter", parent, errno);
    at = std::move(next);
  }
  return at;
}

Result<std::optional<Found>> Folder::look(std::string_view path) const {
  using Maybe = std::optional<Found>;
  struct stat seen {};
  if (path == "/") {
    if (::fstat(root_.get(), &seen) != 0) return failed("read", path, errno);
    return Maybe(found_of(seen));
  }
  auto parent = open_parent(path, false);
  if (!parent) {
    const Code code = parent.error().code;
    if (code == Code::not_found || code == Code::not_directory) return Maybe{};
    return parent.error();
  }
  const std::string name = name_of(path);
  if (::fstatat(parent->get(), name.c_str(), &seen, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Maybe{};
    return failed("read", path, errno);
  }
  Found found = found_of(seen);
  if (found.kind != Kind::symlink) return Maybe(std::move(found));
  found.target.resize(4096);
  const ssize_t size =
      ::readlinkat(parent->get(), name.c_str(), found.target.data(), found.target.size());
  if (size < 0) return failed("read", path, errno);
  found.target.resize(static_cast<std::size_t>(size));
  return Maybe(std::move(found));
}

Result<std::vector<std::string>> Folder::list(std::string_view path) const {
  auto opened = open_directory(path);
  if (!opened) return opened.error();
  const int fd = ::dup(opened->get());
  const std::unique_ptr<DIR, int (*)(DIR*)> names(::fdopendir(fd), ::closedir);
  if (!names) {
    ::close(fd);
    return failed("read", path, errno);
  }
  std::vector<std::string> all;
  errno = 0;
  while (const dirent* entry = ::readdir(names.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != ".." && name != kStateName) all.emplace_back(name);
  }
  if (errno != 0) return failed("read", path, errno);
  return all;
}

// A lease for reading is granted where nobody writes. It is given back at once; who opens the file
// in between is answered then, and the signal that tells of it is one that nobody hears.
bool Folder::has_writer(std::string_view path) const {
  auto parent = open_parent(path, false);
  if (!parent) return false;
  const Fd fd(::openat(parent->get(), name_of(path).c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.good() || ::fcntl(fd.get(), F_SETSIG, SIGURG) != 0) return false;
  if (::fcntl(fd.get(), F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN;
  ::fcntl(fd.get(), F_SETLEASE, F_UNLCK);
  return false;
}

Status Folder::read(std::string_view path, const Stamp& stamp,
                    const std::function<Status(std::string_view)>& take) const {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  const Fd fd(::openat(parent->get(), name_of(path).c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.good()) return failed("read", path, errno);
  std::string part(kReadStep, '\0');
  for (;;) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path, errno);
    if (got == 0) break;
    const auto size = static_cast<std::size_t>(got);
    if (auto taken = take(std::string_view(part).substr(0, size)); !taken) return taken;
  }
  struct stat after {};
  if (::fstat(fd.get(), &after) != 0) return failed("read", path, errno);
  if (stamp_of(after) == stamp) return success();
  return Error{Code::unavailable, shown(path).string() + " is being written", shown(path).string()};
}

Result<std::string> Folder::read_piece(std::string_view path, std::uint64_t offset,
                                       std::uint64_t size) const {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  const Fd fd(::openat(parent->get(), name_of(path).c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd.good()) return failed("read", path, errno);
  std::string bytes(size, '\0');
  std::size_t had = 0;
  while (had < bytes.size()) {
    const ssize_t got =
        ::pread(fd.get(), bytes.data() + had, bytes.size() - had, static_cast<off_t>(offset + had));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed("read", path, errno);
    if (got == 0) break;
    had += static_cast<std::size_t>(got);
  }
  bytes.resize(had);
  return bytes;
}

Result<Draft> Folder::begin_file() {
  std::string name = draft_name();
  Fd fd(::openat(state_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (!fd.good()) return failed("write into", "/" + std::string(kStateName), errno);
  return Draft(state_.get(), std::move(name), std::move(fd));
}

Result<Draft> Folder::begin_symlink(const std::string& target) {
  std::string name = draft_name();
  if (::symlinkat(target.c_str(), state_.get(), name.c_str()) != 0) {
    return failed("write into", "/" + std::string(kStateName), errno);
  }
  return Draft(state_.get(), std::move(name), Fd());
}

Status Folder::settle(const std::vector<Draft>& drafts) const {
  if (drafts.size() > kSettleOneByOne) {
    return ::syncfs(root_.get()) == 0 ? success() : Status(failed("write to", "/", errno));
  }
  for (const Draft& draft : drafts) {
    if (draft.fd_.good() && ::fsync(draft.fd()) != 0) return failed("write to", "/", errno);
  }
  return success();
}

Status Folder::settle(const std::vector<std::string>& paths) const {
  std::set<std::string_view> parents;
  for (const std::string& path : paths) parents.insert(split_last(path).first);
  if (parents.size() > kSettleOneByOne) {
    return ::syncfs(root_.get()) == 0 ? success() : Status(failed("write to", "/", errno));
  }
  for (const std::string_view parent : parents) {
    auto opened = open_directory(parent);  // gone again: then there is nothing to keep
    if (opened && ::fsync(opened->get()) != 0) return failed("write to", parent, errno);
  }
  return success();
}

Result<Folder::Placed> Folder::place(Draft& draft, std::string_view path, bool executable,
                                     const std::optional<Found>& over) {
  auto parent = open_parent(path, true);
  if (!parent) return parent.error();
  const std::string name = name_of(path);
  struct stat made {};
  if (draft.fd_.good()) {
    if (::fstat(draft.fd(), &made) != 0) return failed("write", path, errno);
    const bool file = over && over->kind == Kind::file;
    std::uint32_t mode = file ? over->mode & 0777U : made.st_mode & 0777U;
    mode = executable ? mode | ((mode & 0444U) >> 2U) : mode & ~0111U;
    if (::fchmod(draft.fd(), mode) != 0) return failed("set the mode of", path, errno);
  }
  Placed placed;
  const int flags = over ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  int done = ::renameat2(draft.folder_, draft.name_.c_str(), parent->get(), name.c_str(),
                         static_cast<unsigned>(flags));
  if (done != 0 && (errno == EINVAL || errno == ENOSYS)) {  // a filesystem without such renames
    auto now = look(path);
    if (!now) return now.error();
    if (now->has_value() != over.has_value() || (over && !((*now)->stamp == over->stamp))) {
      return Error{Code::unavailable, shown(path).string() + " is being written"};
    }
    done = ::renameat(draft.folder_, draft.name_.c_str(), parent->get(), name.c_str());
    if (done == 0) draft.name_.clear();
  } else if (done == 0 && over) {
    struct stat old {};
    if (::fstatat(draft.folder_, draft.name_.c_str(), &old, AT_SYMLINK_NOFOLLOW) != 0) {
      return failed("write", path, errno);
    }
    if (!same_but_renamed(stamp_of(old), over->stamp)) {
      auto kept = move_beside(draft.folder_, draft.name_, path, "local");
      if (!kept) return kept.error();
      placed.displaced = *kept;
      draft.name_.clear();
    }
  } else if (done == 0) {
    draft.name_.clear();
  }
  if (done != 0 && (errno == EEXIST || errno == ENOENT)) {
    return Error{Code::unavailable, shown(path).string() + " is being written"};
  }
  if (done != 0) return failed("write", path, errno);
  struct stat now {};
  const int looked = draft.fd_.good()
                         ? ::fstat(draft.fd(), &now)
                         : ::fstatat(parent->get(), name.c_str(), &now, AT_SYMLINK_NOFOLLOW);
  if (looked != 0) return failed("read", path, errno);
  placed.found = found_of(now);
  // Written to in the moment since it has its name: it is to be read again.
  if (draft.fd_.good() && !same_but_renamed(stamp_of(now), stamp_of(made))) {
    placed.found.stamp = {};
  }
  return placed;
}

Status Folder::make_directory(std::string_view path) {
  auto parent = open_parent(path, true);
  if (!parent) return parent.error();
  if (::mkdirat(parent->get(), name_of(path).c_str(), 0777) == 0) return success();
  const int number = errno;
  auto there = look(path);
  if (there && *there && (*there)->kind == Kind::directory) return success();
  return failed("make", path, number);
}

Status Folder::set_executable(std::string_view path, bool executable) {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  const Fd fd(::openat(parent->get(), name_of(path).c_str(),
                       O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat seen {};
  if (!fd.good() || ::fstat(fd.get(), &seen) != 0) return failed("read", path, errno);
  const std::uint32_t mode =
      executable ? seen.st_mode | ((seen.st_mode & 0444U) >> 2U) : seen.st_mode & ~0111U;
  if (::fchmod(fd.get(), mode & 0777U) == 0) return success();
  return failed("set the mode of", path, errno);
}

Status Folder::remove(std::string_view path, const Found& seen) {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  const std::string name = name_of(path);
  Draft grave(state_.get(), draft_name(), Fd());
  if (::renameat(parent->get(), name.c_str(), state_.get(), grave.name_.c_str()) != 0) {
    const int number = errno;
    grave.name_.clear();
    return failed("remove", path, number);
  }
  struct stat old {};
  if (::fstatat(state_.get(), grave.name_.c_str(), &old, AT_SYMLINK_NOFOLLOW) != 0) {
    return failed("remove", path, errno);
  }
  if (same_but_renamed(stamp_of(old), seen.stamp)) return success();
  // It was written to meanwhile: it is given its name back, or one beside.
  if (::renameat2(state_.get(), grave.name_.c_str(), parent->get(), name.c_str(),
                  RENAME_NOREPLACE) != 0) {
    auto kept = move_beside(state_.get(), grave.name_, path, "local");
    if (!kept) return kept.error();
  }
  grave.name_.clear();
  return Error{Code::unavailable, shown(path).string() + " is being written"};
}

Status Folder::remove_directory(std::string_view path) {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  if (::unlinkat(parent->get(), name_of(path).c_str(), AT_REMOVEDIR) == 0) return success();
  return failed("remove", path, errno == EEXIST ? ENOTEMPTY : errno);
}

Result<std::string> Folder::move_aside(std::string_view path, std::string_view mark) {
  auto parent = open_parent(path, false);
  if (!parent) return parent.error();
  return move_beside(parent->get(), name_of(path), path, mark);
}

Result<std::string> Folder::move_beside(int from, const std::string& name, std::string_view path,
                                        std::string_view mark) {
  auto parent = open_parent(path, true);
  if (!parent) return parent.error();
  for (std::size_t i = 0; i < kNamesBeside; ++i) {
    const std::string beside = conflict_name(
        name_of(path), std::string(mark) + (i == 0 ? "" : "-" + std::to_string(i + 1)));
    int done = ::renameat2(from, name.c_str(), parent->get(), beside.c_str(), RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS) &&
        ::faccessat(parent->get(), beside.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) != 0) {
      done = ::renameat(from, name.c_str(), parent->get(), beside.c_str());
    }
    if (done == 0) return join(split_last(path).first, beside);
    if (errno != EEXIST) return failed("keep a copy of", path, errno);
  }
  return Error{Code::exists,
               "all names for a conflict copy beside " + shown(path).string() +
                   " are taken: look through its copies and remove them",
               shown(path).string()};
}

Result<Sha256> digest_of(const Folder& folder, std::string_view path, const Found& found) {
  if (found.kind == Kind::symlink) return sha256(found.target);
  RunningSha256 running;
  auto read = folder.read(path, found.stamp, [&](std::string_view part) {
    running.add(part);
    return success();
  });
  if (!read) return read.error();
  return running.finish();
}

}  // namespace outboard::sync
