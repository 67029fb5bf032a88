#include "harness/sandboxes/outer/mount_daemon.h"

#include <linux/capability.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <utility>

#include "harness/sandboxes/outer/launch.h"
#include "harness/sandboxes/outer/ready_pipe.h"
#include "harness/sandboxes/outer/replace_words.h"

namespace outboard::harness {
namespace {

using std::chrono::steady_clock;

constexpr const char* kControl = "/box/mount/control";
constexpr const char* kWords = "/box/mount/notify";
constexpr const char* kRequests = "/box/outer.sock";
constexpr const char* kLog = "/box/log/outboard-fuse";
constexpr std::chrono::seconds kEndWait{10};
// Root's, who have not said yet what they want; whoever is silent for longest makes room.
constexpr std::size_t kCallersMax = 16;

void say(const char* text) {
  std::fprintf(stderr, "outboard-outer: %s\n", text);
}

// For `user` alone, and root.
int bound(const char* path, int type, uid_t user) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  ::unlink(path);
  const int fd = ::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const mode_t before = ::umask(0177);
  const bool made = fd >= 0 &&
                    ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                    ::lchown(path, user, user) == 0;
  ::umask(before);
  if (made || fd < 0) return fd;
  ::close(fd);
  return -1;
}

// What `name` says in /proc/PID/status; nothing there: -1.
long status_of(pid_t pid, std::string_view name) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name)) return std::strtol(line.c_str() + name.size(), nullptr, 10);
  }
  return -1;
}

template <class Each>
void each_line(std::string_view words, Each each) {
  while (!words.empty()) {
    const std::size_t end = words.find('\n');
    each(words.substr(0, end));
    if (end == words.npos) return;
    words.remove_prefix(end + 1);
  }
}

// A message, with the one thing of `type` that the kernel handed over with it.
template <class With>
struct Heard {
  ssize_t size = -1;  // -1: errno says why
  std::array<char, kReplaceWordBytesMax> text{};
  std::optional<With> with;

  std::string_view words() const { return {text.data(), size < 0 ? 0 : std::size_t(size)}; }
};

template <class With>
Heard<With> hear_from(int socket, int type) {
  Heard<With> heard;
  alignas(cmsghdr) std::array<char, CMSG_LEN(sizeof(With))> control{};  // no room for a second one
  iovec part{heard.text.data(), heard.text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  do {
    heard.size = ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  } while (heard.size < 0 && errno == EINTR);
  const cmsghdr* one = heard.size < 0 ? nullptr : CMSG_FIRSTHDR(&message);
  if (one != nullptr && one->cmsg_type == type) {
    std::memcpy(&heard.with.emplace(), CMSG_DATA(one), sizeof(With));
  }
  return heard;
}

bool is_root(int socket) {
  ucred who{};
  socklen_t size = sizeof who;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) == 0 && who.uid == 0;
}

// And the connection is over.
void say_last(int socket, std::string_view words) {
  if (::send(socket, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
    say("nobody waits for the answer to a question");
  }
  ::close(socket);
}

pid_t number_of(std::string_view text) {
  pid_t number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() ? number : -1;
}

}  // namespace

bool MountDaemon::Watched::over() const {
  pollfd ended{handle, POLLIN, 0};
  return handle >= 0 && ::poll(&ended, 1, 0) == 1;
}

MountDaemon::Watched MountDaemon::watch(pid_t pid) {
  return {pid, pid > 0 ? static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)) : -1};
}

void MountDaemon::forget(Watched& process) {
  if (process.handle >= 0) ::close(process.handle);
  process = Watched();
}

bool MountDaemon::open_sockets() {
  requests_ = bound(kRequests, SOCK_SEQPACKET, 0);
  if (requests_ < 0 || ::listen(requests_, SOMAXCONN) != 0) return false;
  if (plan_.views.empty()) return true;
  words_ = bound(kWords, SOCK_DGRAM, plan_.daemon_user);
  const int on = 1;
  return words_ >= 0 && ::setsockopt(words_, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0;
}

bool MountDaemon::start() {
  if (!open_sockets()) return false;
  if (plan_.views.empty()) return true;
  ReadyPipe ready;
  if (!ready.open()) return false;
  Launch daemon;
  daemon.command = daemon_command(plan_, 3);
  daemon.user = plan_.daemon_user;
  daemon.keep = {{ready.write, 3}};
  daemon.environment = {std::string("NOTIFY_SOCKET=") + kWords};
  // To mount, and to open a /dev/fuse that is root's alone, as it is on some machines.
  daemon.capabilities = {CAP_SYS_ADMIN, CAP_DAC_OVERRIDE};
  daemon.log = kLog;
  daemon_ = watch(launch(daemon));
  if (daemon_.handle < 0 || !ready.wait()) return false;
  // The control socket is the daemon's, also the next one's; the agent may ask for barriers.
  return ::chown(kControl, plan_.daemon_user, plan_.agent_user) == 0 &&
         ::chmod(kControl, 0660) == 0;
}

std::vector<pollfd> MountDaemon::watched() const {
  std::vector<pollfd> all;
  for (const int fd : {words_, daemon_.handle, successor_.handle, requests_}) {
    all.push_back({fd, POLLIN, 0});
  }
  if (asker_ >= 0) return all;
  for (const int caller : callers_) all.push_back({caller, POLLIN, 0});
  return all;
}

// What a daemon says when it hands over, it says before it ends: once its end is seen, its words
// are all there.
bool MountDaemon::look() {
  const bool over = daemon_.over();
  const auto before = followed_;
  hear();
  if (over && followed_ == before) return false;
  if (successor_.over()) {
    forget(successor_);
    answer("the new daemon did not take over, and the running one goes on");
  }
  take_callers();
  take_questions();
  return true;
}

// Who speaks, the kernel says; what anybody else says is not heard.
void MountDaemon::hear() {
  while (words_ >= 0) {
    const auto heard = hear_from<ucred>(words_, SCM_CREDENTIALS);
    if (heard.size < 0) return;
    if (!heard.with || heard.with->pid != daemon_.pid || heard.with->uid != plan_.daemon_user) {
      continue;
    }
    each_line(heard.words(), [this](std::string_view line) {
      constexpr std::string_view kMain = "MAINPID=";
      if (line.starts_with(kMain)) follow(number_of(line.substr(kMain.size())));
      if (line == "READY=1" && successor_.pid < 0) answer(kReplaced);
    });
  }
}

void MountDaemon::follow(pid_t named) {
  Watched next = named == successor_.pid ? std::exchange(successor_, {}) : watch(named);
  if (!may_follow(next)) {
    say("the mount daemon names a successor that cannot be one");
    forget(next);
    return;
  }
  say("another mount daemon has taken over");
  forget(daemon_);
  daemon_ = next;
  ++followed_;
}

// A number could be another process's by now. Not here: only this layer's root gives out the
// daemon's uid, and who has it can start nothing. [S60]
bool MountDaemon::may_follow(const Watched& process) const {
  return process.handle >= 0 && status_of(process.pid, "Uid:") == long{plan_.daemon_user} &&
         !process.over();
}

void MountDaemon::take_callers() {
  for (;;) {
    const int caller = ::accept4(requests_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (caller < 0) return;
    callers_.push_back(caller);
    if (callers_.size() <= kCallersMax) continue;
    say_last(callers_.front(), "others came, and you had asked nothing");
    callers_.erase(callers_.begin());
  }
}

// Until one of them is being seen to.
void MountDaemon::take_questions() {
  std::erase_if(callers_, [this](int caller) { return asker_ < 0 && take_question(caller); });
}

// False: nothing has been asked yet.
bool MountDaemon::take_question(int caller) {
  const auto heard = hear_from<int>(caller, SCM_RIGHTS);
  if (heard.size < 0 && errno == EAGAIN) return false;
  if (!is_root(caller) || heard.words() != kReplaceQuestion || !heard.with) {
    say_last(caller, "that is no question of root's that this outer layer knows");
  } else if (plan_.views.empty()) {
    say_last(caller, kNoDaemon);
  } else {
    asker_ = caller;
    start_successor(*heard.with);
  }
  if (heard.with) ::close(*heard.with);
  return true;
}

// With no right at all: the mounter stays. Whether it takes over, the daemon says.
void MountDaemon::start_successor(int program) {
  Launch launched;
  launched.command = successor_command();
  launched.program = 3;
  launched.user = plan_.daemon_user;
  launched.keep = {{program, launched.program}};
  launched.log = kLog;
  successor_ = watch(launch(launched));
  if (successor_.handle < 0) answer("no process can be made here, and the daemon goes on");
}

void MountDaemon::answer(std::string_view words) {
  if (asker_ >= 0) say_last(std::exchange(asker_, -1), words);
}

// One that takes over meanwhile has what was not saved, and is the one to end.
void MountDaemon::end() {
  const auto until = steady_clock::now() + kEndWait;
  for (auto told = followed_ - 1; daemon_.handle >= 0;) {
    const bool over = daemon_.over();
    const auto before = followed_;
    hear();
    if (over && followed_ == before) return;
    if (told != followed_) ::syscall(SYS_pidfd_send_signal, daemon_.handle, SIGTERM, nullptr, 0);
    told = followed_;
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(until - steady_clock::now()).count();
    if (left <= 0) return;
    std::array<pollfd, 2> news{pollfd{words_, POLLIN, 0}, pollfd{daemon_.handle, POLLIN, 0}};
    ::poll(news.data(), news.size(), static_cast<int>(left));
  }
}

}  // namespace outboard::harness
