#include "harness/sandboxes/outer_start.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <vector>

namespace outboard::harness {
namespace {

using Words = std::vector<std::string>;

constexpr int kGoFd = 3;
constexpr int kReadyFd = 4;
constexpr int kInfoFd = 5;
constexpr int kHighFd = 100;

void add(Words& words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more);
}

// "unix:/path/name" is reached within as "unix:/store/name"; its directory is bound there.
std::string bind_server(const std::string& server, Words& words) {
  constexpr std::string_view unix_scheme = "unix:";
  if (!server.starts_with(unix_scheme)) return server;
  const std::size_t slash = server.rfind('/');
  const std::string directory = server.substr(unix_scheme.size(), slash - unix_scheme.size());
  add(words, {"--bind", directory.empty() ? "/" : directory, "/store"});
  return "unix:/store/" + server.substr(slash + 1);
}

Words outer_command(OuterPlan& plan, const std::string& home, const std::string& programs,
                    const std::string& cgroup) {
  Words words{"/usr/bin/bwrap",        "--unshare-pid", "--unshare-ipc",
              "--unshare-uts",         "--as-pid-1",    "--info-fd",
              std::to_string(kInfoFd), "--cap-drop",    "ALL"};
  for (const char* capability : {"CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP",
                                 "CAP_KILL", "CAP_CHOWN", "CAP_FOWNER", "CAP_DAC_OVERRIDE"}) {
    add(words, {"--cap-add", capability});
  }
  add(words, {"--ro-bind", "/usr", "/usr"});
  for (const std::string name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    add(words, {"--symlink", "usr/" + name, "/" + name});
  }
  add(words, {"--perms", "0755", "--dir", "/etc", "--perms", "0755", "--dir", "/etc/ssl"});
  for (const std::string name :
       {"alternatives", "hosts", "ld.so.cache", "ld.so.conf", "localtime", "mime.types",
        "nsswitch.conf", "passwd", "group", "resolv.conf", "ssl/certs"}) {
    add(words, {"--ro-bind-try", "/etc/" + name, "/etc/" + name});
  }
  add(words,
      {"--proc",  "/proc",     "--dev",   "/dev",      "--dev-bind-try", "/dev/fuse", "/dev/fuse",
       "--perms", "1777",      "--tmpfs", "/tmp",      "--perms",        "0755",      "--tmpfs",
       "/run",    "--ro-bind", programs,  "/programs", "--bind",         home,        "/box"});
  if (!cgroup.empty()) add(words, {"--bind", cgroup, "/cgroup"});
  plan.server = bind_server(plan.server, words);
  plan.cgroup = !cgroup.empty();
  plan.go_fd = kGoFd;
  plan.ready_fd = kReadyFd;
  add(words, {"--chdir", "/", "--", "/programs/outboard-outer"});
  for (std::string& word : arguments_of(plan)) words.push_back(std::move(word));
  return words;
}

struct Pipe {
  int read = -1;
  int write = -1;
  // High numbers, so that posix_spawn's low ones overwrite none of them.
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ::fcntl(ends[0], F_DUPFD_CLOEXEC, kHighFd);
    write = ::fcntl(ends[1], F_DUPFD_CLOEXEC, kHighFd);
    ::close(ends[0]);
    ::close(ends[1]);
    return read >= 0 && write >= 0;
  }
};

pid_t spawn(Words& words, int go, int ready, int info, const std::string& log) {
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  ::posix_spawn_file_actions_adddup2(&files, go, kGoFd);
  ::posix_spawn_file_actions_adddup2(&files, ready, kReadyFd);
  ::posix_spawn_file_actions_adddup2(&files, info, kInfoFd);
  ::posix_spawn_file_actions_addclosefrom_np(&files, kInfoFd + 1);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  sigset_t signals;
  ::sigemptyset(&signals);
  ::posix_spawnattr_setsigmask(&attributes, &signals);
  ::sigfillset(&signals);
  ::posix_spawnattr_setsigdefault(&attributes, &signals);
  std::vector<char*> arguments;
  for (auto& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  std::string path = "PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
  std::array<char*, 2> environment{path.data(), nullptr};
  pid_t pid = -1;
  const int failed =
      ::posix_spawn(&pid, arguments[0], &files, &attributes, arguments.data(), environment.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  errno = failed;
  return failed == 0 ? pid : -1;
}

bool wait_readable(int fd, Moment deadline) {
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(left).count();
  pollfd ready{fd, POLLIN, 0};
  return ::poll(&ready, 1, static_cast<int>(std::clamp<std::int64_t>(wait, 0, 3'600'000))) == 1;
}

// bubblewrap says {"child-pid": 123, …} and closes.
pid_t read_child_pid(int info, Moment deadline) {
  std::string text;
  std::array<char, 512> bytes{};
  while (wait_readable(info, deadline)) {
    const ssize_t n = ::read(info, bytes.data(), bytes.size());
    if (n <= 0) break;
    text.append(bytes.data(), static_cast<std::size_t>(n));
    if (text.find('}') != std::string::npos) break;
  }
  constexpr std::string_view key = "\"child-pid\":";
  const std::size_t at = text.find(key);
  if (at == std::string::npos) return -1;
  return static_cast<pid_t>(std::strtol(text.c_str() + at + key.size(), nullptr, 10));
}

}  // namespace

Result<std::unique_ptr<OuterStart>> OuterStart::start(OuterPlan plan, const std::string& home,
                                                      const std::string& programs,
                                                      const std::string& cgroup, Moment deadline) {
  Pipe go;
  Pipe ready;
  Pipe info;
  if (!go.open() || !ready.open() || !info.open()) {
    return Error{Code::unavailable, "no descriptor left for a sandbox; raise RLIMIT_NOFILE", {}};
  }
  Words words = outer_command(plan, home, programs, cgroup);
  const pid_t bubblewrap = spawn(words, go.read, ready.write, info.write, home + "/log/outer");
  for (const int theirs : {go.read, ready.write, info.write}) ::close(theirs);
  std::unique_ptr<OuterStart> started(new OuterStart);
  started->go_ = go.write;
  started->ready_ = ready.read;
  started->bubblewrap_ = bubblewrap;
  const pid_t outer = bubblewrap > 0 ? read_child_pid(info.read, deadline) : -1;
  ::close(info.read);
  if (outer > 0) started->outer_ = identify(outer);
  if (started->outer_.started != 0) return started;
  if (bubblewrap > 0) {
    ::kill(bubblewrap, SIGKILL);
    ::waitpid(bubblewrap, nullptr, 0);
  }
  return Error{
      Code::unavailable, "bubblewrap did not start; is /usr/bin/bwrap there and allowed?", {}};
}

OuterStart::~OuterStart() {
  if (go_ >= 0) ::close(go_);
  if (ready_ >= 0) ::close(ready_);
}

bool OuterStart::go(Moment deadline) {
  char first = 0;
  return ::write(go_, "g", 1) == 1 && wait_readable(ready_, deadline) &&
         ::read(ready_, &first, 1) == 1;
}

}  // namespace outboard::harness
