#include "fusefs/kernel/session.h"

#include <fcntl.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <system_error>
#include <thread>
#include <vector>

#include "core/guarded.h"
#include "core/log.h"
#include "fusefs/kernel/notifier.h"
#include "fusefs/kernel/ops.h"
#include "fusefs/kernel/request_counts.h"
#include "fusefs/kernel/signals.h"

namespace outboard::fusefs {
namespace {

// Wakes a worker out of its read; nothing else uses it.
constexpr int kWakeSignal = SIGUSR1;
// A wake-up sent between a worker's look at the flag and its read is lost, so it is sent again.
constexpr std::chrono::milliseconds kWakeAgain{5};

std::string reason(int number) {
  char text[128] = {};
  return strerror_r(number, text, sizeof text);
}

Status check_mountpoint(const std::string& path) {
  struct stat found {};
  if (stat(path.c_str(), &found) != 0) {
    const int number = errno;
    if (number == ENOTCONN) {
      return Error{Code::invalid,
                   "the mountpoint " + path + " is a mount whose daemon is gone: run `umount " +
                       path + "` first",
                   path};
    }
    return Error{Code::invalid,
                 "the mountpoint " + path + " cannot be used: " + reason(number) +
                     "; it must be an existing directory",
                 path};
  }
  if (S_ISDIR(found.st_mode)) return success();
  return Error{Code::not_directory,
               "the mountpoint " + path + " is not a directory: give an empty directory", path};
}

std::vector<std::string> mount_arguments(const MountedVolume& volume) {
  std::string options = "allow_other,default_permissions,subtype=outboard,fsname=";
  options += volume.volume().name;
  if (volume.view().read_only) options += ",ro";
  return {"outboard-fuse", "-o", options};
}

}  // namespace

KernelNotifier::KernelNotifier() : notifier_(std::make_unique<Notifier>()) {}
KernelNotifier::~KernelNotifier() = default;
Invalidator& KernelNotifier::invalidator() {
  return *notifier_;
}

struct KernelSession::Parts {
  Parts(SessionConfig given, MountedVolume& mounted, Notifier& telling)
      : config(std::move(given)), volume(mounted), notifier(telling) {}

  SessionConfig config;
  MountedVolume& volume;
  Notifier& notifier;
  std::string connection;  // its number in /sys/fs/fuse/connections
  RequestWatch watch{watch_config()};
  RequestCounts counts;
  Served served{volume, watch, counts};
  fuse_lowlevel_ops ops = make_ops();
  fuse_session* session = nullptr;
  std::atomic<bool> stopping = false;
  Mutex mutex;
  Condition ended;
  std::size_t running GUARDED_BY(mutex) = 0;
  std::vector<std::thread> workers GUARDED_BY(mutex);
  std::atomic<std::size_t> idle = 0;  // workers that wait for the kernel

  RequestWatch::Config watch_config();
  // Ends this connection and no other's: programs that wait hear an error.
  void abort(const std::string& why) const;
  Status mount();
  void start_workers();
  void add_worker() REQUIRES_LOCK(mutex);
  // The last idle worker has taken a request: somebody must be there for the next. [S9]
  void replace_last_idle();
  void work(std::size_t number);
  void serve();
  // Whether it is out of the tree for good, so that nobody unmounts what lies below it.
  bool unmount_lazily() const;
  void end_workers();
};

RequestWatch::Config KernelSession::Parts::watch_config() {
  RequestWatch::Config watching;
  const View& view = volume.view();
  watching.stuck_after = view.read_deadline + view.write_deadline + config.stuck_after;
  watching.on_given_up = [this] { volume.wake_waiting(); };
  watching.on_stuck = [this](const std::string& what) { abort(what); };
  return watching;
}

void KernelSession::Parts::abort(const std::string& why) const {
  log(Severity::error, "this view is stuck: its connection to the kernel is ended",
      {{"mountpoint", config.mountpoint}, {"why", why}});
  std::ofstream file("/sys/fs/fuse/connections/" + connection + "/abort");
  if (file << "1" << std::flush) return;
  // Without the control filesystem: what an unmount by force does first. Held, it stays in its
  // place: nobody shall write into the directory below it.
  const int held = open(config.mountpoint.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  umount2(config.mountpoint.c_str(), MNT_FORCE | UMOUNT_NOFOLLOW);
  if (held >= 0) close(held);
}

Status KernelSession::Parts::mount() {
  if (auto good = check_mountpoint(config.mountpoint); !good) return good;
  std::vector<std::string> arguments = mount_arguments(volume);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(pointers.size()), pointers.data());
  session = fuse_session_new(&args, &ops, sizeof ops, &served);
  fuse_opt_free_args(&args);
  if (session == nullptr) {
    return Error{Code::invalid, "libfuse refused the mount options", config.mountpoint};
  }
  if (fuse_session_mount(session, config.mountpoint.c_str()) != 0) {
    const std::string why = reason(errno);
    fuse_session_destroy(std::exchange(session, nullptr));
    return Error{Code::unavailable,
                 "could not mount on " + config.mountpoint + ": " + why +
                     "; it needs /dev/fuse, and root or fusermount3",
                 config.mountpoint};
  }
  // Without asking ourselves: there is no worker yet.
  struct statx found {};
  if (statx(AT_FDCWD, config.mountpoint.c_str(), AT_STATX_DONT_SYNC, 0, &found) == 0) {
    connection = std::to_string(found.stx_dev_minor);
  }
  return success();
}

void KernelSession::Parts::start_workers() {
  struct sigaction wake {};
  wake.sa_handler = [](int) {};  // without SA_RESTART: a blocked read returns EINTR
  sigaction(kWakeSignal, &wake, nullptr);
  const BlockedSignals blocked;
  Lock lock(mutex);
  for (std::size_t i = 0; i < config.workers; ++i) add_worker();
}

void KernelSession::Parts::add_worker() {
  const std::size_t number = workers.size();
  ++idle;  // before its birth: it may have taken a request before we are back
  try {
    workers.emplace_back([this, number] { work(number); });
  } catch (...) {
    --idle;
    throw;
  }
  ++running;
}

void KernelSession::Parts::replace_last_idle() {
  Lock lock(mutex);
  if (idle > 0 || stopping || workers.size() >= config.workers_max) return;
  try {
    add_worker();
  } catch (const std::system_error& error) {
    log(Severity::warning, "no thread for one more worker: requests wait for each other",
        {{"mountpoint", config.mountpoint}, {"why", error.what()}});
  }
}

void KernelSession::Parts::work(std::size_t number) {
  pthread_setname_np(pthread_self(), ("fuse-" + std::to_string(number)).c_str());
  serve();
  bool last = false;
  {
    Lock lock(mutex);
    last = --running == 0;
    ended.notify_all();
  }
  if (last && !stopping && config.on_ended) config.on_ended();
}

void KernelSession::Parts::serve() {
  fuse_buf buffer{};
  while (!fuse_session_exited(session)) {
    const int size = fuse_session_receive_buf(session, &buffer);
    if (size == -EINTR) continue;
    if (size <= 0) {
      if (size < 0) fuse_session_exit(session);
      break;
    }
    if (--idle == 0) replace_last_idle();
    if (buffer.mem != nullptr && static_cast<std::size_t>(size) >= sizeof(fuse_in_header)) {
      counts.arrived(static_cast<const fuse_in_header*>(buffer.mem)->opcode);
    }
    fuse_session_process_buf(session, &buffer);
    ++idle;
  }
  std::free(buffer.mem);
}

bool KernelSession::Parts::unmount_lazily() const {
  if (umount2(config.mountpoint.c_str(), UMOUNT_NOFOLLOW) == 0) return false;
  if (errno != EBUSY) return false;  // unmounted from outside, or only fusermount3 may do it
  log(Severity::info, "the view is in use: it is taken out of the tree and ends with this daemon",
      {{"mountpoint", config.mountpoint}});
  return umount2(config.mountpoint.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0;
}

void KernelSession::Parts::end_workers() {
  fuse_session_exit(session);
  std::vector<std::thread> ending;
  {
    Lock lock(mutex);
    while (running > 0) {
      for (std::thread& worker : workers) pthread_kill(worker.native_handle(), kWakeSignal);
      ended.wait_until(mutex, std::chrono::steady_clock::now() + kWakeAgain);
    }
    ending.swap(workers);  // nobody adds one any more: stopping is set
  }
  for (std::thread& worker : ending) worker.join();
}

Result<std::unique_ptr<KernelSession>> KernelSession::start(const SessionConfig& config,
                                                            MountedVolume& volume,
                                                            KernelNotifier& notifier) {
  std::unique_ptr<Parts> parts(new Parts(config, volume, *notifier.notifier_));
  if (auto mounted = parts->mount(); !mounted) return std::move(mounted).error();
  parts->notifier.attach(parts->session);
  parts->start_workers();
  return std::unique_ptr<KernelSession>(new KernelSession(std::move(parts)));
}

KernelSession::KernelSession(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

KernelSession::~KernelSession() {
  stop();
}

Activity KernelSession::activity() const {
  return parts_->counts.activity();
}

void KernelSession::measure(Figures& to, const Labels& view) const {
  parts_->counts.measure(to, view);
  to.level("outboard_mount_unanswered", "Requests of programs that wait for an answer.",
           static_cast<double>(parts_->watch.unanswered()), view);
}

bool KernelSession::idle(Moment until) {
  return parts_->watch.idle(until);
}

void KernelSession::stop() {
  if (parts_->stopping.exchange(true)) return;
  const bool detached = parts_->unmount_lazily();
  parts_->volume.end_waits();
  parts_->volume.publish_all();
  parts_->notifier.detach();
  parts_->end_workers();
  if (!detached) fuse_session_unmount(parts_->session);
  fuse_session_destroy(parts_->session);
}

}  // namespace outboard::fusefs
