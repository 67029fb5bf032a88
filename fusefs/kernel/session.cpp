#include "fusefs/kernel/session.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/check.h"
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

}  // namespace

KernelNotifier::KernelNotifier() : notifier_(std::make_unique<Notifier>()) {}
KernelNotifier::~KernelNotifier() = default;
Invalidator& KernelNotifier::invalidator() {
  return *notifier_;
}
std::vector<Notice> KernelNotifier::pending() const {
  return notifier_->pending();
}

bool kernel_forgets_all() {
  constexpr std::pair<unsigned, unsigned> kSince{6, 16};
  utsname name{};
  std::pair<unsigned, unsigned> release;
  CHECK(uname(&name) == 0);
  return std::sscanf(name.release, "%u.%u", &release.first, &release.second) == 2 &&
         release >= kSince;
}

struct KernelSession::Parts {
  Parts(SessionConfig given, MountedVolume& mounted, Notifier& telling)
      : config(std::move(given)), volume(mounted), notifier(telling) {}

  SessionConfig config;
  MountedVolume& volume;
  Notifier& notifier;
  // Before `watch`, whose thread may ask to abort.
  const std::unique_ptr<Mounting> own =
      config.mounting != nullptr ? nullptr : std::make_unique<OwnMount>(plan());
  Mounting* const mounting = own ? own.get() : config.mounting;
  RequestWatch watch{watch_config()};
  RequestCounts counts;
  Greeting greeting;
  Served served{volume, watch, counts, greeting};
  fuse_lowlevel_ops ops = make_ops();
  fuse_session* session = nullptr;
  std::atomic<bool> stopping = false;
  std::atomic<bool> leaving = false;  // by leave(): its end is not one from outside
  std::atomic<bool> parked = false;   // workers stand still
  Mutex mutex;
  Condition ended;    // a worker has, or stands still
  Condition resumed;  // no longer parked
  std::size_t standing GUARDED_BY(mutex) = 0;
  std::deque<std::string> handed GUARDED_BY(mutex);  // requests that another process has read
  std::size_t running GUARDED_BY(mutex) = 0;
  std::vector<std::thread> workers GUARDED_BY(mutex);
  std::atomic<std::size_t> idle = 0;  // workers that wait for the kernel

  MountPlan plan() const {
    return {config.mountpoint, volume.volume().name, volume.view().read_only};
  }
  RequestWatch::Config watch_config();
  // Ends this connection and no other's: programs that wait hear an error.
  void abort(const std::string& why) const;
  Status mount();
  // A session of libfuse's on that descriptor.
  bool open(int descriptor);
  void start_workers();
  void add_worker() REQUIRES_LOCK(mutex);
  // The last idle worker has taken a request: somebody must be there for the next. [S9]
  void replace_last_idle();
  void work(std::size_t number);
  void serve();
  void serve_handed();
  void process(fuse_buf& buffer);
  void stand_still();
  void wake_workers() REQUIRES_LOCK(mutex);
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
  mounting->abort();
}

Status KernelSession::Parts::mount() {
  auto descriptor = mounting->mount();
  if (!descriptor) return std::move(descriptor).error();
  if (open(*descriptor)) return success();
  mounting->unmount();
  close(*descriptor);
  return Error{Code::unavailable, "libfuse does not take the mount", config.mountpoint};
}

bool KernelSession::Parts::open(int descriptor) {
  std::string name = "outboard-fuse";
  char* words[] = {name.data(), nullptr};
  fuse_args args = FUSE_ARGS_INIT(1, words);
  session = fuse_session_new(&args, &ops, sizeof ops, &served);
  fuse_opt_free_args(&args);
  if (session != nullptr && greeting.bind(session, descriptor)) return true;
  if (session != nullptr) fuse_session_destroy(std::exchange(session, nullptr));
  return false;
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
  if (last && !stopping && !leaving && config.on_ended) config.on_ended();
}

void KernelSession::Parts::serve() {
  fuse_buf buffer{};
  serve_handed();
  while (!fuse_session_exited(session)) {
    if (parked) stand_still();
    const int size = fuse_session_receive_buf(session, &buffer);
    if (size == -EINTR) continue;
    if (size <= 0) {
      if (size < 0) fuse_session_exit(session);
      break;
    }
    process(buffer);
  }
  std::free(buffer.mem);
}

void KernelSession::Parts::process(fuse_buf& buffer) {
  if (--idle == 0) replace_last_idle();
  if (buffer.mem != nullptr && buffer.size >= sizeof(fuse_in_header)) {
    counts.arrived(static_cast<const fuse_in_header*>(buffer.mem)->opcode);
  }
  raw_request = {static_cast<const char*>(buffer.mem), buffer.size};
  fuse_session_process_buf(session, &buffer);
  ++idle;
}

void KernelSession::Parts::serve_handed() {
  for (;;) {
    std::string words;
    {
      Lock lock(mutex);
      if (handed.empty()) return;
      words = std::move(handed.front());
      handed.pop_front();
    }
    fuse_buf buffer{};
    buffer.mem = words.data();
    buffer.size = words.size();
    process(buffer);
  }
}

void KernelSession::Parts::stand_still() {
  Lock lock(mutex);
  ++standing;
  ended.notify_all();
  while (parked && !stopping) resumed.wait(mutex);
  --standing;
}

// Out of their reads; who answers a request goes on with it.
void KernelSession::Parts::wake_workers() {
  for (std::thread& worker : workers) pthread_kill(worker.native_handle(), kWakeSignal);
  ended.wait_until(mutex, std::chrono::steady_clock::now() + kWakeAgain);
}

void KernelSession::Parts::end_workers() {
  fuse_session_exit(session);
  std::vector<std::thread> ending;
  {
    Lock lock(mutex);
    while (running > 0) wake_workers();
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

Result<std::unique_ptr<KernelSession>> KernelSession::take_over(const SessionConfig& config,
                                                                MountedVolume& volume,
                                                                KernelNotifier& notifier,
                                                                HandedSession handed) {
  std::unique_ptr<Parts> parts(new Parts(config, volume, *notifier.notifier_));
  if (!parts->open(handed.descriptor)) {
    return Error{Code::unavailable, "libfuse does not take the mount", config.mountpoint};
  }
  auto greeted = parts->greeting.repeat(parts->session, {handed.greeted, handed.replied});
  if (!greeted) {
    fuse_session_destroy(parts->session);
    return std::move(greeted).error();
  }
  for (std::string& words : handed.waiting) parts->handed.push_back(std::move(words));
  return std::unique_ptr<KernelSession>(new KernelSession(std::move(parts)));
}

void KernelSession::serve() {
  parts_->notifier.attach(parts_->session);
  parts_->start_workers();
}

bool KernelSession::park(Moment until) {
  Parts& parts = *parts_;
  parts.parked = true;
  {
    Lock lock(parts.mutex);
    while (parts.standing < parts.running && std::chrono::steady_clock::now() < until) {
      parts.wake_workers();
    }
    const bool greeted = !parts.greeting.words().asked.empty();
    if (greeted && parts.running > 0 && parts.standing == parts.running) return true;
  }
  unpark();
  return false;
}

void KernelSession::unpark() {
  Lock lock(parts_->mutex);
  parts_->parked = false;
  parts_->resumed.notify_all();
}

HandedSession KernelSession::handed() const {
  const Greeting::Words words = parts_->greeting.words();
  return {fuse_session_fd(parts_->session), words.asked, words.said, parts_->watch.laid_aside()};
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

Status KernelSession::leave() {
  parts_->leaving = true;
  if (auto left = parts_->mounting->leave(); !left) {
    parts_->leaving = false;
    return left;
  }
  stop();
  return success();
}

void KernelSession::stop() {
  if (parts_->stopping.exchange(true)) return;
  unpark();
  parts_->mounting->unmount();
  parts_->volume.end_waits();
  parts_->volume.publish_all();
  parts_->notifier.detach();
  parts_->end_workers();
  fuse_session_destroy(parts_->session);
}

}  // namespace outboard::fusefs
