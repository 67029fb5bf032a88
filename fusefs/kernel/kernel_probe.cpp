#include "fusefs/kernel/kernel_probe.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "core/limits.h"

namespace outboard::fusefs {
namespace {

constexpr double kForever = 1e9;
constexpr std::string_view kOverwritten = "overwritten";  // a file whose content changes
constexpr std::string_view kMade = "made";                // one that is not there at first
constexpr fuse_ino_t kOld = 2;
constexpr fuse_ino_t kNew = 3;
constexpr fuse_ino_t kLater = 4;
constexpr std::string_view kOldBytes = "old";
constexpr std::string_view kNewBytes = "new";

std::string_view bytes_of(fuse_ino_t node) {
  return node == kOld ? kOldBytes : kNewBytes;
}

struct stat attributes_of(fuse_ino_t node) {
  struct stat attributes {};
  attributes.st_ino = node;
  attributes.st_mode = node == FUSE_ROOT_ID ? S_IFDIR | 0755U : S_IFREG | 0644U;
  attributes.st_nlink = 1;
  attributes.st_size = node == FUSE_ROOT_ID ? 0 : static_cast<off_t>(bytes_of(node).size());
  return attributes;
}

bool changed(fuse_req_t request) {
  return *static_cast<const bool*>(fuse_req_userdata(request));
}

void on_lookup(fuse_req_t request, fuse_ino_t, const char* name) {
  fuse_entry_param entry{};
  entry.entry_timeout = kForever;
  entry.attr_timeout = kForever;
  if (name == kOverwritten) entry.ino = changed(request) ? kNew : kOld;
  if (name == kMade && changed(request)) entry.ino = kLater;
  if (entry.ino != 0) entry.attr = attributes_of(entry.ino);
  fuse_reply_entry(request, &entry);
}

void on_getattr(fuse_req_t request, fuse_ino_t node, fuse_file_info*) {
  const struct stat attributes = attributes_of(node);
  fuse_reply_attr(request, &attributes, kForever);
}

void on_open(fuse_req_t request, fuse_ino_t, fuse_file_info* file) {
  file->keep_cache = 1;
  fuse_reply_open(request, file);
}

void on_read(fuse_req_t request, fuse_ino_t node, std::size_t size, off_t offset, fuse_file_info*) {
  const std::string_view bytes = bytes_of(node);
  const auto from = std::min(static_cast<std::size_t>(offset), bytes.size());
  const std::string_view part = bytes.substr(from, size);
  fuse_reply_buf(request, part.data(), part.size());
}

fuse_lowlevel_ops ops() {
  fuse_lowlevel_ops ops{};
  ops.lookup = on_lookup;
  ops.getattr = on_getattr;
  ops.open = on_open;
  ops.read = on_read;
  return ops;
}

// A program's side, in a process of its own.
class Looker {
 public:
  Looker(std::string place, int say, int hear) : place_(std::move(place)), say_(say), hear_(hear) {}

  bool sees_changes() const {
    const int before = look_for(kOverwritten);
    if (before < 0 || !shows(before, kOld) || look_for(kMade) >= 0) return false;
    char done = 0;
    if (::write(say_, "c", 1) != 1 || ::read(hear_, &done, 1) != 1) return false;
    const int after = look_for(kOverwritten);
    return after >= 0 && shows(after, kNew) && shows(before, kOld) && look_for(kMade) >= 0;
  }

 private:
  int look_for(std::string_view name) const {
    return ::open((place_ + "/" + std::string(name)).c_str(), O_RDONLY | O_CLOEXEC);
  }
  static bool shows(int file, fuse_ino_t node) {
    struct stat found {};
    std::array<char, 16> bytes{};
    const ssize_t got = ::pread(file, bytes.data(), bytes.size(), 0);
    return ::fstat(file, &found) == 0 && found.st_ino == node && got >= 0 &&
           std::string_view(bytes.data(), static_cast<std::size_t>(got)) == bytes_of(node);
  }

  const std::string place_;
  const int say_;
  const int hear_;
};

bool mount_unseen(fuse_session* session, const std::string& place) {
  return ::unshare(CLONE_NEWNS) == 0 &&
         ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         fuse_session_mount(session, place.c_str()) == 0;
}

// Until the looker has closed its pipe.
void serve(fuse_session* session, int hear, int answer, bool& changed,
           const std::function<void(fuse_session*)>& drop) {
  fuse_buf buffer{};
  std::array<pollfd, 2> ready{{{fuse_session_fd(session), POLLIN, 0}, {hear, POLLIN, 0}}};
  for (;;) {
    if (::poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) break;
    if (ready[0].revents != 0) {
      const int size = fuse_session_receive_buf(session, &buffer);
      if (size <= 0 && size != -EINTR) break;
      if (size > 0) fuse_session_process_buf(session, &buffer);
    }
    if (ready[1].revents != 0) {
      char asked = 0;
      if (::read(hear, &asked, 1) != 1) break;
      changed = true;
      drop(session);  // no request is under way: the looker waits for our word
      if (::write(answer, "d", 1) != 1) break;
    }
  }
  std::free(buffer.mem);
}

}  // namespace

void drop_names(fuse_session* session) {
  for (const std::string_view name : {kOverwritten, kMade}) {
    fuse_lowlevel_notify_inval_entry(session, FUSE_ROOT_ID, name.data(), name.size());
  }
}

KernelVerdict probe_kernel(const std::string& place,
                           const std::function<void(fuse_session*)>& drop) {
  struct stat found {};
  if (::stat(place.c_str(), &found) != 0 || !S_ISDIR(found.st_mode)) return KernelVerdict::untried;
  std::string name = "outboard-probe";
  char* words[] = {name.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, words);
  const fuse_lowlevel_ops table = ops();
  bool changed = false;
  std::array<int, 2> up{};
  std::array<int, 2> down{};
  fuse_session* session = fuse_session_new(&args, &table, sizeof table, &changed);
  fuse_opt_free_args(&args);
  if (session == nullptr || ::pipe2(up.data(), O_CLOEXEC) != 0 ||
      ::pipe2(down.data(), O_CLOEXEC) != 0 || !mount_unseen(session, place)) {
    return KernelVerdict::untried;
  }
  std::signal(SIGALRM, SIG_DFL);
  ::alarm(static_cast<unsigned>(kKernelProbeMax.count()));
  const pid_t looker = ::fork();
  if (looker == 0) {
    ::close(up[0]);
    ::close(down[1]);
    ::close(fuse_session_fd(session));
    ::_exit(Looker(place, up[1], down[0]).sees_changes() ? EXIT_SUCCESS : EXIT_FAILURE);
  }
  ::close(up[1]);
  ::close(down[0]);
  if (looker > 0) serve(session, up[0], down[1], changed, drop);
  fuse_session_unmount(session);
  fuse_session_destroy(session);
  int how = 0;
  const bool ended = looker > 0 && ::waitpid(looker, &how, 0) == looker && WIFEXITED(how);
  ::alarm(0);
  if (!ended) return KernelVerdict::untried;
  return WEXITSTATUS(how) == EXIT_SUCCESS ? KernelVerdict::forgets : KernelVerdict::remembers;
}

}  // namespace outboard::fusefs
