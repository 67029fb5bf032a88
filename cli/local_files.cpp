#include "cli/local_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/digest.h"
#include "core/limits.h"
#include "core/path.h"
#include "core/running_sha256.h"

namespace outboard::cli {
namespace {

constexpr std::size_t kReadStep = 1U << 18U;

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

std::string draft_name() {
  return ".outboard-" + random_secret(9);
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Error system_error(std::string_view doing, const std::filesystem::path& path, int number) {
  return Error{code_of(number),
               "cannot " + std::string(doing) + " " + path.string() + ": " + std::strerror(number),
               path.string()};
}

Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.good()) return system_error("read", path, errno);
  std::string bytes;
  for (;;) {
    const std::size_t before = bytes.size();
    bytes.resize(before + kReadStep);
    const ssize_t got = ::read(fd.get(), bytes.data() + before, kReadStep);
    bytes.resize(before + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) return bytes;
    if (bytes.size() > bytes_max) {
      return Error{Code::too_big,
                   path.string() + " is longer than " + std::to_string(bytes_max) +
                       " bytes, the most that one request carries: split it, or write it "
                       "through a mount",
                   path.string()};
    }
  }
}

Result<std::string> read_piece(const std::filesystem::path& path, std::uint64_t offset,
                               std::uint64_t size) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.good()) return system_error("read", path, errno);
  std::string bytes(size, '\0');
  std::size_t had = 0;
  while (had < bytes.size()) {
    const ssize_t got =
        ::pread(fd.get(), bytes.data() + had, bytes.size() - had, static_cast<off_t>(offset + had));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) break;
    had += static_cast<std::size_t>(got);
  }
  bytes.resize(had);
  return bytes;
}

Result<Digested> digest_file(const std::filesystem::path& path) {
  const Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  if (!fd.good()) return system_error("read", path, errno);
  RunningSha256 running;
  Digested digested;
  std::string part(1U << 18U, '\0');
  for (;;) {
    const ssize_t got = ::read(fd.get(), part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return system_error("read", path, errno);
    if (got == 0) break;
    digested.size += static_cast<std::uint64_t>(got);
    running.add(std::string_view(part).substr(0, static_cast<std::size_t>(got)));
    if (digested.size > kFileBytesMax) {
      return Error{Code::too_big,
                   path.string() + " is longer than " + std::to_string(kFileBytesMax) +
                       " bytes, the most that a file in a volume has: split it",
                   path.string()};
    }
  }
  digested.digest = running.finish();
  return digested;
}

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return system_error("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return success();
}

SecretFile::SecretFile(std::filesystem::path path, std::filesystem::path draft, Descriptor fd)
    : path_(std::move(path)), draft_(std::move(draft)), fd_(std::move(fd)) {}

SecretFile::~SecretFile() {
  if (!draft_.empty()) ::unlink(draft_.c_str());
}

Result<SecretFile> SecretFile::create(const std::filesystem::path& path) {
  std::filesystem::path draft = path;
  draft.replace_filename(draft_name());
  Descriptor fd(::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!fd.good()) return system_error("write", path, errno);
  return SecretFile(path, std::move(draft), std::move(fd));
}

Status SecretFile::keep(std::string_view content) {
  if (auto written = write_all(fd_.get(), content, path_); !written) return written;
  if (::fsync(fd_.get()) != 0 || ::rename(draft_.c_str(), path_.c_str()) != 0) {
    return system_error("write", path_, errno);
  }
  draft_.clear();
  return success();
}

Result<TargetFolder> TargetFolder::open(const std::filesystem::path& folder) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) return system_error("make", folder, failed.value());
  Descriptor root(::open(folder.c_str(), O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  if (!root.good()) return system_error("open", folder, errno);
  return TargetFolder(folder, std::move(root));
}

Result<Descriptor> TargetFolder::open_parent(std::string_view path) const {
  Descriptor at(::dup(root_.get()));
  auto names = components_of(path);
  names.pop_back();
  for (const std::string_view name : names) {
    const std::string step(name);
    if (::mkdirat(at.get(), step.c_str(), 0777) != 0 && errno != EEXIST) {
      return system_error("make", folder_ / path.substr(1), errno);
    }
    Descriptor next(
        ::openat(at.get(), step.c_str(), O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC));
    if (!next.good()) return system_error("enter", folder_ / path.substr(1), errno);
    at = std::move(next);
  }
  return at;
}

Status TargetFolder::make_directory(std::string_view path) {
  auto parent = open_parent(path);
  if (!parent) return parent.error();
  const std::string name(split_last(path).second);
  if (::mkdirat(parent->get(), name.c_str(), 0777) == 0) return success();
  struct stat found {};
  if (errno == EEXIST && ::fstatat(parent->get(), name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 &&
      S_ISDIR(found.st_mode)) {
    return success();
  }
  return system_error("make", folder_ / path.substr(1), EEXIST);
}

Result<FileDraft> TargetFolder::begin_file(std::string_view path, bool executable) {
  auto parent = open_parent(path);
  if (!parent) return parent.error();
  const std::filesystem::path shown = folder_ / path.substr(1);
  std::string draft = draft_name();
  Descriptor fd(::openat(parent->get(), draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                         executable ? 0777 : 0666));
  if (!fd.good()) return system_error("write", shown, errno);
  return FileDraft(*std::move(parent), std::string(split_last(path).second), std::move(draft),
                   std::move(fd), shown);
}

Status TargetFolder::put_file(std::string_view path, std::string_view bytes, bool executable) {
  auto draft = begin_file(path, executable);
  if (!draft) return draft.error();
  if (auto written = draft->write(bytes); !written) return written;
  return draft->keep();
}

FileDraft::FileDraft(Descriptor parent, std::string name, std::string draft, Descriptor fd,
                     std::filesystem::path shown)
    : parent_(std::move(parent)),
      name_(std::move(name)),
      draft_(std::move(draft)),
      fd_(std::move(fd)),
      shown_(std::move(shown)) {}

FileDraft::~FileDraft() {
  if (!draft_.empty()) ::unlinkat(parent_.get(), draft_.c_str(), 0);
}

namespace {

Status put_xattrs(int fd, const Xattrs& xattrs, const std::filesystem::path& shown) {
  for (const auto& [name, value] : xattrs) {
    if (!name.starts_with("user.")) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    if (errno == ENOTSUP) return success();  // this filesystem has none
    return system_error("set the attribute " + name + " of", shown, errno);
  }
  return success();
}

}  // namespace

Status FileDraft::set_xattrs(const Xattrs& xattrs) {
  return put_xattrs(fd_.get(), xattrs, shown_);
}

Status FileDraft::set_mode(std::uint32_t mode) {
  if (::fchmod(fd_.get(), mode & 0777U) == 0) return success();
  return system_error("set the mode of", shown_, errno);
}

Status FileDraft::keep() {
  if (::renameat(parent_.get(), draft_.c_str(), parent_.get(), name_.c_str()) != 0) {
    return system_error("write", shown_, errno);
  }
  draft_.clear();
  return success();
}

Status TargetFolder::put_link(std::string_view path, std::string_view first) {
  auto from = open_parent(first);
  if (!from) return from.error();
  auto parent = open_parent(path);
  if (!parent) return parent.error();
  const std::filesystem::path shown = folder_ / path.substr(1);
  const std::string draft = draft_name();
  const std::string name(split_last(path).second);
  const std::string source(split_last(first).second);
  if (::linkat(from->get(), source.c_str(), parent->get(), draft.c_str(), 0) != 0) {
    return system_error("link", shown, errno);
  }
  const bool renamed = ::renameat(parent->get(), draft.c_str(), parent->get(), name.c_str()) == 0;
  const int number = errno;
  ::unlinkat(parent->get(), draft.c_str(),
             0);  // also when both were one file: then rename did nothing
  return renamed ? success() : Status(system_error("link", shown, number));
}

Status TargetFolder::finish_directory(std::string_view path, std::uint32_t mode,
                                      const Xattrs& xattrs) {
  Descriptor at(::dup(root_.get()));
  const std::filesystem::path shown = folder_ / path.substr(1);
  for (const std::string_view name : components_of(path)) {
    Descriptor next(::openat(at.get(), std::string(name).c_str(),
                             O_DIRECTORY | O_NOFOLLOW | O_RDONLY | O_CLOEXEC));
    if (!next.good()) return system_error("enter", shown, errno);
    at = std::move(next);
  }
  if (auto done = put_xattrs(at.get(), xattrs, shown); !done) return done;
  if (::fchmod(at.get(), mode & 0777U) == 0) return success();
  return system_error("set the mode of", shown, errno);
}

Status TargetFolder::put_symlink(std::string_view path, const std::string& target) {
  auto parent = open_parent(path);
  if (!parent) return parent.error();
  const std::string name(split_last(path).second);
  const std::filesystem::path shown = folder_ / path.substr(1);
  const std::string draft = draft_name();
  if (::symlinkat(target.c_str(), parent->get(), draft.c_str()) != 0) {
    return system_error("make", shown, errno);
  }
  if (::renameat(parent->get(), draft.c_str(), parent->get(), name.c_str()) != 0) {
    const int number = errno;
    ::unlinkat(parent->get(), draft.c_str(), 0);
    return system_error("make", shown, number);
  }
  return success();
}

Status TargetFolder::remove(std::string_view path) {
  auto parent = open_parent(path);
  if (!parent) return parent.error();
  const std::string name(split_last(path).second);
  if (::unlinkat(parent->get(), name.c_str(), 0) == 0) return success();
  if ((errno == EISDIR || errno == EPERM) &&
      ::unlinkat(parent->get(), name.c_str(), AT_REMOVEDIR) == 0) {
    return success();
  }
  return system_error("remove", folder_ / path.substr(1), errno);
}

}  // namespace outboard::cli
