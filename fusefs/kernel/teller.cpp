#include "fusefs/kernel/teller.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "core/log.h"
#include "core/path.h"
#include "fusefs/confinement/syscall_filter.h"

namespace outboard::fusefs {
namespace {

constexpr int kSocket = 3;  // the teller's end, once all else is closed
constexpr Capabilities kToTell = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH;

// What is sent: these two, then both paths with a NUL between.
struct Head {
  Tale tale = Tale::made;
  Kind kind = Kind::file;
};

// ── The teller's own life, in its process ──

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }

 private:
  const int number_;
};

// The directory in which `path` of the view stands; below the root and in the same mount.
int open_parent(int root, const std::string& path) {
  const std::string parent(split_last(path).first);
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  const std::string below = parent == "/" ? "." : parent.substr(1);
  return static_cast<int>(::syscall(SYS_openat2, root, below.c_str(), &how, sizeof how));
}

void make(int parent, const char* name, Kind kind) {
  if (kind == Kind::directory) {
    ::mkdirat(parent, name, 0700);
  } else if (kind == Kind::symlink) {
    [[maybe_unused]] const int made = ::symlinkat("told", parent, name);
  } else {
    const Descriptor made(
        ::openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600));
  }
}

// Opened, given the size that it has, and closed.
void change(int parent, const char* name) {
  const Descriptor file(::openat(parent, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat found {};
  if (file.number() < 0 || ::fstat(file.number(), &found) != 0) return;
  [[maybe_unused]] const int same = ::ftruncate(file.number(), found.st_size);
}

// Whatever of it is not as it was any more is told by what comes next.
void act(const std::string& view, const Head& head, const std::string& before,
         const std::string& after) {
  const Descriptor root(::open(view.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  struct statfs found {};
  if (::fstatfs(root.number(), &found) != 0 || found.f_type != FUSE_SUPER_MAGIC) return;
  const std::string& path = after.empty() ? before : after;
  const Descriptor parent(open_parent(root.number(), path));
  const std::string name(split_last(path).second);
  if (parent.number() < 0 || name.empty()) return;
  switch (head.tale) {
    case Tale::made: return make(parent.number(), name.c_str(), head.kind);
    case Tale::changed: return change(parent.number(), name.c_str());
    case Tale::touched:
      ::utimensat(parent.number(), name.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
      return;
    case Tale::gone:
      ::unlinkat(parent.number(), name.c_str(), head.kind == Kind::directory ? AT_REMOVEDIR : 0);
      return;
    case Tale::moved: {
      const Descriptor from(open_parent(root.number(), before));
      const std::string old(split_last(before).second);
      if (from.number() < 0) return;
      [[maybe_unused]] const int moved =
          ::renameat(from.number(), old.c_str(), parent.number(), name.c_str());
      return;
    }
  }
}

void live(const std::string& view) {
  std::array<char, sizeof(Head) + 2 * kPathBytesMax + 2> buffer{};
  for (;;) {
    const ssize_t got = ::read(kSocket, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < static_cast<ssize_t>(sizeof(Head))) return;
    Head head;
    std::memcpy(&head, buffer.data(), sizeof head);
    const std::string_view paths(buffer.data() + sizeof head,
                                 static_cast<std::size_t>(got) - sizeof head);
    const auto middle = paths.find('\0');
    if (middle == paths.npos) return;
    act(view, head, std::string(paths.substr(0, middle)), std::string(paths.substr(middle + 1)));
    if (::write(kSocket, "", 1) != 1) return;
  }
}

void stand_apart(int socket) {
  ::prctl(PR_SET_NAME, "fuse-teller");
  if (::dup2(socket, kSocket) < 0) ::_exit(EXIT_FAILURE);
  ::syscall(SYS_close_range, kSocket + 1, ~0U, 0);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(number, SIG_IGN);
  Status good = drop_privileges(std::nullopt, kToTell);
  if (good) good = filter_syscalls(Duty::telling);
  if (!good) ::_exit(EXIT_FAILURE);
}

// ── The daemon's side ──

bool exchange(int socket, const Telling& telling) {
  const Head head{telling.tale, telling.node.kind};
  std::string said(sizeof head, '\0');
  std::memcpy(said.data(), &head, sizeof head);
  said += telling.before_path + '\0' + telling.after_path;
  char done = 0;
  ssize_t got = -1;
  if (::send(socket, said.data(), said.size(), MSG_NOSIGNAL) < 0) return false;
  do {
    got = ::recv(socket, &done, 1, 0);
  } while (got < 0 && errno == EINTR);
  return got == 1;
}

}  // namespace

Result<std::unique_ptr<Teller>> Teller::start(const std::string& path,
                                              const std::function<void()>& forget) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Error{Code::unavailable, "no socket for the process that tells watchers"};
  }
  const pid_t process = ::fork();
  if (process == 0) {
    if (forget) forget();
    stand_apart(ends[1]);
    live(path);
    ::_exit(EXIT_SUCCESS);
  }
  ::close(ends[1]);
  if (process > 0) return std::unique_ptr<Teller>(new Teller(ends[0], process));
  ::close(ends[0]);
  return Error{Code::unavailable, "no process could be started that tells watchers"};
}

Capabilities Teller::rights() {
  return permitted_capabilities() & kToTell;
}

void Teller::follow(MountedVolume& volume) {
  volume_ = &volume;
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "tell");
    while (const auto telling = volume_->next_telling()) {
      if (exchange(socket_, *telling)) continue;
      volume_->end_tellings();
      log(Severity::warning, "the process that tells watchers is gone: they are told no more");
      return;
    }
  });
}

Teller::~Teller() {
  ::shutdown(socket_, SHUT_RDWR);
  if (volume_ != nullptr) volume_->end_tellings();
  if (thread_.joinable()) thread_.join();
  ::close(socket_);
}

}  // namespace outboard::fusefs
