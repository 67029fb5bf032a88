#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>

#include "harness/exec_agent/inner/hosts.h"
#include "harness/exec_agent/inner_words.h"

// These run as the model's user in the model's mount namespace: no path, however hostile, reaches
// what a command of the model could not open itself.
namespace outboard::harness {
namespace {

constexpr mode_t kModeDefault = 0644;

// Symlinks are followed as long as they stay below the workspace; EXDEV when they do not.
int open_beneath(int directory, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how));
}

int open_workspace() {
  return ::open(std::string(kInnerWorkspace).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

// "/workspace/a" and "a" are "a"; empty with EXDEV for another absolute path.
std::string relative_path(const std::string& path) {
  const std::string prefix = std::string(kInnerWorkspace) + "/";
  errno = EXDEV;
  if (path.starts_with(prefix)) return path.substr(prefix.size());
  return path.starts_with('/') ? std::string() : path;
}

[[noreturn]] void refuse(int conversation, int reason) {
  send_message(conversation, {InnerKind::opened, reason});
  ::_exit(0);
}

// Where `path` leads when it exists; `path` itself when it does not. Empty with errno.
std::string resolved(int workspace, const std::string& path) {
  const int fd = open_beneath(workspace, path, O_PATH);
  if (fd < 0) return errno == ENOENT ? path : std::string();
  std::array<char, 4096> target{};
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t size = ::readlink(link.c_str(), target.data(), target.size() - 1);
  ::close(fd);
  if (size <= 0) return {};
  return relative_path(std::string(target.data(), static_cast<std::size_t>(size)));
}

// The directory of `path`, made with its parents where it is missing.
int open_parent(int workspace, const std::string& path) {
  int at = ::fcntl(workspace, F_DUPFD_CLOEXEC, 3);
  std::size_t begin = 0;
  for (std::size_t end = path.find('/'); end != std::string::npos; end = path.find('/', begin)) {
    const std::string name = path.substr(begin, end - begin);
    begin = end + 1;
    if (name.empty() || name == ".") continue;
    const std::string so_far = path.substr(0, end);
    int next = open_beneath(workspace, so_far, O_RDONLY | O_DIRECTORY);
    if (next < 0 && errno == ENOENT && ::mkdirat(at, name.c_str(), 0755) == 0) {
      next = open_beneath(workspace, so_far, O_RDONLY | O_DIRECTORY);
    }
    const int reason = errno;
    ::close(at);
    errno = reason;
    if (next < 0) return -1;
    at = next;
  }
  return at;
}

struct NewFile {
  int parent = -1;
  int fd = -1;
  std::string temporary;
  std::string name;
  mode_t mode = 0;  // of what stands there; 0: nothing does
};

// Waits for the commit; the end of the conversation means none comes.
[[noreturn]] void finish(int conversation, const NewFile& file) {
  const auto order = receive_message(conversation);
  int reason = ECANCELED;
  if (order && order->message.kind == InnerKind::commit) {
    mode_t mode = static_cast<mode_t>(order->message.value) & 07777U;
    if (mode == 0) mode = kModeDefault;
    if (file.mode != 0) mode = file.mode;
    const bool placed =
        ::fchmod(file.fd, mode) == 0 &&
        ::renameat(file.parent, file.temporary.c_str(), file.parent, file.name.c_str()) == 0;
    reason = placed ? 0 : errno;
    if (placed) ::fsync(file.parent);
  }
  if (reason != 0) ::unlinkat(file.parent, file.temporary.c_str(), 0);
  send_message(conversation, {InnerKind::finished, reason});
  ::_exit(0);
}

}  // namespace

void host_read_file(int conversation, const std::vector<std::string>& words) {
  const int workspace = open_workspace();
  const std::string path = words.empty() ? std::string() : relative_path(words[0]);
  if (workspace < 0 || path.empty()) refuse(conversation, errno);
  const int fd = open_beneath(workspace, path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) refuse(conversation, errno);
  send_message(conversation, {InnerKind::opened, 0}, {fd});
  ::_exit(0);
}

void host_write_file(int conversation, const std::vector<std::string>& words) {
  const int workspace = open_workspace();
  std::string path = words.empty() ? std::string() : relative_path(words[0]);
  if (workspace < 0 || path.empty()) refuse(conversation, errno);
  path = resolved(workspace, path);
  if (path.empty()) refuse(conversation, errno);
  NewFile file;
  file.parent = open_parent(workspace, path);
  if (file.parent < 0) refuse(conversation, errno);
  file.name = path.substr(path.rfind('/') == std::string::npos ? 0 : path.rfind('/') + 1);
  if (file.name.empty()) refuse(conversation, EISDIR);
  file.temporary = ".outboard." + std::to_string(::getpid()) + ".new";
  const int old =
      ::openat(file.parent, file.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (old < 0 && errno != ENOENT) refuse(conversation, errno);
  struct stat status {};
  if (old >= 0 && ::fstat(old, &status) == 0) file.mode = status.st_mode & 07777U;
  if (old >= 0 && S_ISDIR(status.st_mode)) refuse(conversation, EISDIR);
  file.fd =
      ::openat(file.parent, file.temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file.fd < 0) refuse(conversation, errno);
  std::vector<int> fds{file.fd};
  if (old >= 0) fds.push_back(old);
  send_message(conversation, {InnerKind::opened, 0}, fds);
  finish(conversation, file);
}

}  // namespace outboard::harness
