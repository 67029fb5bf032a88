#include "server/embedded.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <deque>
#include <fstream>
#include <optional>
#include <thread>
#include <utility>

#include "core/guarded.h"
#include "core/log.h"
#include "server/child_process.h"
#include "server/cluster.h"
#include "server/data_directory.h"

namespace outboard::server {
namespace {

using namespace std::chrono_literals;

constexpr const char* kInstalledUnder = "/usr/lib/postgresql";
constexpr auto kInitDeadline = 60s;    // a slow disk syncs 40 MB
constexpr auto kStartDeadline = 5min;  // recovery after a crash replays up to max_wal_size
constexpr auto kPredecessorDeadline = 60s;
constexpr auto kFastStop = 60s;      // its last checkpoint; then it is told to stop at once
constexpr auto kImmediateStop = 5s;  // then it is killed
constexpr auto kRestartWaitMin = 100ms;
constexpr auto kRestartWaitMax = 10s;
constexpr std::size_t kLastLines = 4;  // of its output, kept for an error message

Moment now() {
  return std::chrono::steady_clock::now();
}

int milliseconds_until(Moment moment) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(moment - now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000));
}

std::uint64_t memory_of_this_machine() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// An eventfd: set once, readable for ever.
class Event {
 public:
  Event() : fd_(::eventfd(0, EFD_CLOEXEC)) { CHECK(fd_ >= 0); }
  ~Event() { ::close(fd_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void set() const {
    const std::uint64_t one = 1;
    CHECK(::write(fd_, &one, sizeof one) == sizeof one);
  }
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// Wakes when a file in the cluster's directory is written. Where the kernel has no more watches to
// give, fd() is -1 and the caller looks every 10 ms instead.
class DirectoryWatch {
 public:
  explicit DirectoryWatch(const std::string& directory)
      : fd_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)) {
    if (fd_ >= 0 && ::inotify_add_watch(fd_, directory.c_str(), IN_MODIFY | IN_CLOSE_WRITE) < 0) {
      ::close(std::exchange(fd_, -1));
    }
  }
  ~DirectoryWatch() {
    if (fd_ >= 0) ::close(fd_);
  }
  DirectoryWatch(const DirectoryWatch&) = delete;
  DirectoryWatch& operator=(const DirectoryWatch&) = delete;
  int fd() const { return fd_; }
  void clear() const {
    std::array<char, 4096> events;
    while (fd_ >= 0 && ::read(fd_, events.data(), events.size()) > 0) {
    }
  }

 private:
  int fd_;
};

// What the other threads may know of the child.
struct State {
  pid_t ready = 0;              // the one that takes connections; 0: none at the moment
  std::optional<Error> failed;  // the first start did not succeed: nothing follows
};

// Forwards the child's output to the log and remembers the last of it.
class Output {
 public:
  // Backends told to end say so: no news while Postgres is being stopped.
  void hush() { hushed_ = true; }
  void read_from(int fd) {
    std::array<char, 4096> buffer;
    for (ssize_t got = 0; (got = ::read(fd, buffer.data(), buffer.size())) > 0;) {
      for (std::string& line : lines_.add({buffer.data(), static_cast<std::size_t>(got)})) {
        take(std::move(line));
      }
    }
  }
  std::string last() const {
    std::string text;
    for (const std::string& line : last_) text += (text.empty() ? "" : "; ") + line;
    return text;
  }

 private:
  void take(std::string line) {
    const bool quiet = hushed_ || line.starts_with("LOG:") || line.starts_with("HINT:");
    outboard::log(quiet ? Severity::debug : Severity::warning, "postgres says", {{"line", line}});
    if (last_.size() == kLastLines) last_.pop_front();
    last_.push_back(std::move(line));
  }
  bool hushed_ = false;
  Lines lines_;
  std::deque<std::string> last_;
};

}  // namespace

struct Embedded::Parts {
  std::unique_ptr<DataDirectory> directory;
  std::optional<Account> run_as;
  ChildCommand command;
  Counter restarts;
  Event stop;
  Mutex mutex;
  Condition changed;
  State state GUARDED_BY(mutex);
  std::thread thread;  // last: it uses all above

  ~Parts() {
    stop.set();
    if (thread.joinable()) thread.join();
  }

  // The thread's body: one child after the other, until told to stop.
  void supervise();
  // One child from start to end. Its end, or why it could not start.
  Error live_once();
  // Reads output and waits, until the child has ended; answers how.
  std::string watch(ChildProcess& child, Output& output);
  void look_whether_ready(pid_t pid);
  void set_ready(pid_t pid);
  bool told_to_stop() const { return wait_for_stop(now()); }
  bool wait_for_stop(Moment until) const;
};

bool Embedded::Parts::wait_for_stop(Moment until) const {
  pollfd wait{stop.fd(), POLLIN, 0};
  return ::poll(&wait, 1, milliseconds_until(until)) > 0;
}

void Embedded::Parts::set_ready(pid_t pid) {
  Lock lock(mutex);
  state.ready = pid;
  changed.notify_all();
}

void Embedded::Parts::look_whether_ready(pid_t pid) {
  const auto file = read_postmaster_file(directory->cluster());
  if (file && file->pid == pid && file->ready) set_ready(pid);
}

void Embedded::Parts::supervise() {
  ::pthread_setname_np(::pthread_self(), "postgres");
  std::chrono::milliseconds wait = kRestartWaitMin;
  bool was_ready = false;
  while (!told_to_stop()) {
    const Moment started = now();
    const Error ended = live_once();
    if (told_to_stop()) return;
    {
      Lock lock(mutex);
      was_ready = was_ready || state.ready != 0;
      state.ready = 0;
      if (!was_ready) {
        state.failed = ended;
        changed.notify_all();
        return;
      }
    }
    wait = (now() - started > kRestartWaitMax) ? kRestartWaitMin : wait;
    outboard::log(Severity::error, "postgres ended, starting it again",
                  {{"why", ended.message}, {"wait_ms", std::to_string(wait.count())}});
    if (wait_for_stop(now() + wait)) return;
    restarts.add();
    wait = std::min<std::chrono::milliseconds>(wait * 2, kRestartWaitMax);
  }
}

Error Embedded::Parts::live_once() {
  const std::string cluster = directory->cluster();
  if (auto clear = clear_the_way(cluster, now() + kPredecessorDeadline); !clear) {
    return clear.error();
  }
  auto child = ChildProcess::start(command);
  if (!child) return child.error();
  Output output;
  std::string how = watch(**child, output);
  if (const std::string said = output.last(); !said.empty()) how += "; it said: " + said;
  return Error{Code::unavailable, "Postgres on " + cluster + " " + how, cluster};
}

std::string Embedded::Parts::watch(ChildProcess& child, Output& output) {
  const DirectoryWatch written(directory->cluster());
  bool ready = false;
  Moment start_until = now() + kStartDeadline;
  std::optional<Moment> stop_until;
  int stop_signal = SIGINT;  // its fast shutdown; then SIGQUIT, immediate; then SIGKILL
  while (true) {
    // A closed pipe is readable for ever: it is left out, and a stop told is not asked for again.
    std::array<pollfd, 4> waits{pollfd{child.exit_fd(), POLLIN, 0},
                                pollfd{child.output_fd(), POLLIN, 0},
                                pollfd{ready ? -1 : written.fd(), POLLIN, 0},
                                pollfd{stop_until ? -1 : stop.fd(), POLLIN, 0}};
    const bool must_look = !ready && written.fd() < 0;
    ::poll(waits.data(), waits.size(),
           stop_until ? milliseconds_until(*stop_until) : (must_look ? 10 : 60'000));
    output.read_from(child.output_fd());
    if (const auto status = child.reap()) return describe_exit(*status);
    if (!ready) {
      written.clear();
      look_whether_ready(child.pid());
      Lock lock(mutex);
      ready = state.ready == child.pid();
    }
    const bool late = !ready && now() >= start_until;
    if (!stop_until && (late || waits[3].revents != 0)) stop_until = now();
    if (stop_until && now() >= *stop_until) {
      output.hush();
      child.signal(stop_signal);
      stop_until = now() + (stop_signal == SIGINT ? Moment::duration(kFastStop) : kImmediateStop);
      stop_signal = stop_signal == SIGINT ? SIGQUIT : SIGKILL;
    }
  }
}

Embedded::Embedded(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Embedded::~Embedded() = default;

Result<std::unique_ptr<Embedded>> Embedded::start(const EmbeddedConfig& config) {
  auto account = choose_account(config.run_as_user);
  if (!account) return account.error();
  auto directory = DataDirectory::open(config.data_dir, *account);
  if (!directory) return directory.error();
  const std::string cluster = (*directory)->cluster();

  const char* path = std::getenv("PATH");
  const auto made_by = cluster_major(cluster);
  const auto binaries =
      choose_binaries(installed_binaries(kInstalledUnder, path == nullptr ? "" : path), made_by);
  if (!binaries) return binaries.error();
  if (!made_by) {
    outboard::log(Severity::info, "making a database", {{"directory", cluster}});
    auto made = make_cluster(*binaries, cluster, *account, now() + kInitDeadline);
    if (!made) return made.error();
  }

  ClusterSettings settings{cluster, (*directory)->socket_directory()};
  settings.shared_buffers_mib = shared_buffers_for(memory_of_this_machine());
  auto parts = std::make_unique<Parts>();
  parts->command = postgres_command(*binaries, settings, *account);
  parts->directory = std::move(*directory);
  parts->run_as = std::move(*account);
  parts->thread = std::thread([raw = parts.get()] { raw->supervise(); });
  std::unique_ptr<Embedded> embedded(new Embedded(std::move(parts)));
  if (auto ready = embedded->ready(now() + kPredecessorDeadline + kStartDeadline); !ready) {
    return ready.error();
  }
  // For people and scripts that want to use psql: it may change from start to start.
  std::ofstream(config.data_dir + "/url") << embedded->url() << '\n';
  return embedded;
}

std::string Embedded::url() const {
  return cluster_url(parts_->directory->socket_directory());
}

Result<pid_t> Embedded::ready(Moment until, pid_t other_than) {
  Parts& parts = *parts_;
  Lock lock(parts.mutex);
  while (true) {
    if (parts.state.failed) return *parts.state.failed;
    if (parts.state.ready != 0 && parts.state.ready != other_than) return parts.state.ready;
    if (now() >= until) {
      return Error{Code::timed_out, "the embedded Postgres takes no connections yet", "postgres"};
    }
    parts.changed.wait_until(parts.mutex, until);
  }
}

void Embedded::measure(Figures& to) const {
  Parts& parts = *parts_;
  to.count("outboard_postgres_restarts_total",
           "How often the embedded Postgres was started again after it died.",
           parts.restarts.value());
  Lock lock(parts.mutex);
  to.level("outboard_postgres_up", "1 while the embedded Postgres takes connections.",
           parts.state.ready != 0 ? 1 : 0);
}

}  // namespace outboard::server
