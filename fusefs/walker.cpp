#include "fusefs/walker.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <filesystem>

namespace outboard::fusefs {
namespace {

namespace fs = std::filesystem;

constexpr int kNothingThere = 3;  // what the other process ends with

// Until the process has ended or the moment has come. Whether it has ended.
bool await(pid_t process, Moment deadline) {
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process, 0));
  if (handle < 0) return false;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      deadline - std::chrono::steady_clock::now());
  pollfd ended{handle, POLLIN, 0};
  const int came = ::poll(&ended, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
  ::close(handle);
  return came == 1;
}

bool open_once(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
  if (file < 0) return false;
  ::close(file);
  return true;
}

}  // namespace

Status walk_apart(const std::string& place, Moment deadline) {
  std::string name = "outboard-fuse";
  std::string option = kWalkOption;
  std::string where = place;
  char* const arguments[] = {name.data(), option.data(), where.data(), nullptr};
  char* const environment[] = {nullptr};
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t process = 0;
  const int spawned =
      ::posix_spawn(&process, "/proc/self/exe", nullptr, &attributes, arguments, environment);
  posix_spawnattr_destroy(&attributes);
  if (spawned != 0) {
    return Error{Code::unavailable, "no process could be started to walk " + place, place};
  }
  const bool ended = await(process, deadline);
  if (!ended) ::kill(process, SIGKILL);
  int how = 0;
  while (::waitpid(process, &how, 0) < 0 && errno == EINTR) {
  }
  if (!ended) {
    return Error{Code::timed_out, "walking " + place + " did not end in time", place};
  }
  if (WIFEXITED(how) && WEXITSTATUS(how) == EXIT_SUCCESS) return success();
  if (WIFEXITED(how) && WEXITSTATUS(how) == kNothingThere) {
    return Error{Code::not_found, "nothing stands at " + place, place};
  }
  return Error{Code::unavailable, "not all below " + place + " could be looked at", place};
}

int look_at_all(const std::string& place) {
  std::error_code failed;
  const fs::file_status what = fs::symlink_status(place, failed);
  if (what.type() == fs::file_type::not_found) return kNothingThere;
  if (what.type() != fs::file_type::directory) {
    open_once(place);
    return EXIT_SUCCESS;
  }
  bool opened = false;
  fs::recursive_directory_iterator entry(place, failed);
  for (; !failed && entry != fs::recursive_directory_iterator(); entry.increment(failed)) {
    std::error_code gone;  // by now: no concern of the rest
    if (entry->is_symlink(gone)) {
      [[maybe_unused]] const fs::path target = fs::read_symlink(entry->path(), gone);
    } else if (!opened && entry->is_regular_file(gone)) {
      opened = open_once(entry->path());
    }
  }
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

}  // namespace outboard::fusefs
