#include "fusefs/kernel/mounter.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <map>
#include <optional>

#include "core/limits.h"
#include "core/log.h"
#include "core/path.h"
#include "fusefs/confinement/privileges.h"
#include "fusefs/confinement/syscall_filter.h"
#include "fusefs/kernel/kernel_probe.h"
#include "fusefs/kernel/mounter_words.h"

namespace outboard::fusefs {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

constexpr int kSocket = 3;  // the mounter's end, once all else is closed

// To see every name below a view; the second sees less, and is enough for that.
constexpr Capabilities kToLook = 1ULL << CAP_DAC_OVERRIDE | 1ULL << CAP_DAC_READ_SEARCH;
constexpr Capabilities kToMount = kToLook | 1ULL << CAP_SYS_ADMIN;

Error gone() {
  return Error{Code::unavailable,
               "the process that mounts for this daemon is gone: end the daemon, then umount"};
}

// The mounter's own life, in its process.
class Attendant {
 public:
  Attendant(const Mounter::Config& config, pid_t prober)
      : config_(config), places_(config.allowed), prober_(prober) {
    for (const MountPlan& plan : config.views) keep(plan, nullptr);
  }

  void live() {
    while (auto asked = next_question(kSocket)) {
      const auto& [question, socket] = *asked;
      if (question.wish == Wish::walk) {
        walk(question, socket);
      } else {
        serve(question, socket);
      }
      if (socket >= 0) ::close(socket);
      reap();
    }
    for (const auto& [number, view] : views_) view->clear_away();
  }

 private:
  void reap() {
    int how = 0;
    for (pid_t ended = 0; (ended = ::waitpid(-1, &how, WNOHANG)) > 0;) {
      if (ended == prober_) {
        note_verdict(how);
      } else if (walkers_ > 0) {
        --walkers_;
      }
    }
  }
  void note_verdict(int how) {
    prober_ = -1;
    if (WIFEXITED(how)) verdict_ = static_cast<KernelVerdict>(WEXITSTATUS(how));
  }
  Answer verdict() {
    int how = 0;
    if (prober_ > 0 && ::waitpid(prober_, &how, 0) == prober_) note_verdict(how);
    if (verdict_ == KernelVerdict::forgets) return {};
    if (verdict_ == KernelVerdict::untried) {
      return {Error{Code::unavailable, "nothing could be mounted where nobody sees it"}};
    }
    return {Error{Code::unsupported, "this kernel goes on showing names that it was told to drop"}};
  }

  void serve(const Question& question, int socket) {
    if (question.wish == Wish::verdict) return answer(socket, verdict());
    if (!config_.mounts) return;
    if (question.wish == Wish::add) return answer(socket, add(question));
    if (!views_.contains(question.view)) return;
    OwnMount& view = *views_.at(question.view);
    Answer made;
    if (question.wish == Wish::forget) {
      view.unmount();
      views_.erase(question.view);
    }
    if (question.wish == Wish::leave) {
      if (auto left = view.leave(); !left) made.refused = left.error();
    }
    if (question.wish == Wish::unmount) view.unmount();
    if (question.wish == Wish::abort) view.abort();
    if (question.wish == Wish::mount) {
      auto descriptor = view.mount();
      if (descriptor) made.descriptor = *descriptor;
      if (!descriptor) made.refused = descriptor.error();
    }
    answer(socket, made);
    if (made.descriptor >= 0) ::close(made.descriptor);
  }

  std::uint32_t keep(const MountPlan& plan, OpenParent parent) {
    views_[next_] = std::make_unique<OwnMount>(plan, std::move(parent));
    return next_++;
  }

  // What asks may have been taken over: whatever it says is a path and a name, and the place one
  // that this process was told of at its start, or where nobody but the daemon's views is covered.
  Answer add(const Question& question) {
    const MountPlan plan{question.place, question.volume, question.read_only};
    if (!is_plain_path(plan.path) || !is_plain_volume(plan.volume)) {
      return {Error{Code::invalid, plan.path + " = " + plan.volume + " is no place and volume"}};
    }
    if (views_.size() >= kViewsMax) {
      return {Error{Code::no_space,
                    "a daemon shows " + std::to_string(kViewsMax) + " views at most", plan.path}};
    }
    auto parent = where(plan.path);
    // fusermount3 looks the place up by itself, with no more rights than this user has.
    if (parent && !may_mount_) parent = OpenParent{};
    if (parent) return {std::nullopt, -1, keep(plan, *std::move(parent))};
    return {Error{Code::no_access,
                  "no view may stand at " + plan.path +
                      ": start the daemon with --allow-mounts for a directory above it",
                  plan.path}};
  }

  // Without a function where the path is the command line's; nothing: nowhere.
  std::optional<OpenParent> where(const std::string& path) const {
    const auto is_it = [&](const MountPlan& plan) { return plan.path == path; };
    if (std::ranges::any_of(config_.views, is_it)) return OpenParent{};
    const std::string outer(split_last(path).first);
    const auto shows_outer = [&](const auto& view) { return view.second->plan().path == outer; };
    if (std::ranges::any_of(views_, shows_outer)) return [this, outer] { return root_of(outer); };
    return places_.parent_of(path);
  }

  // Of the view that stands at `path`.
  int root_of(const std::string& path) const {
    for (const auto& [number, view] : views_) {
      const int root = view->plan().path == path ? view->open_root() : -1;
      if (root >= 0) return root;
    }
    return -1;
  }

  void walk(const Question& question, int socket) {
    const std::string& place = question.place;
    const bool inside = place.starts_with('/') && ("/" + place + "/").find("/../") == place.npos;
    if (!views_.contains(question.view) || !inside) return;
    reap();
    if (walkers_ >= kMounterWalkersMax) {
      return answer(socket, {Error{Code::unavailable, "too many walks are under way; try later"}});
    }
    const pid_t child = ::fork();
    if (child > 0) ++walkers_;
    if (child != 0) return;  // without one its socket closes unanswered
    ::close(kSocket);
    ::prctl(PR_SET_NAME, "fuse-walker");
    std::signal(SIGALRM, SIG_DFL);
    ::alarm(static_cast<unsigned>(std::min<std::uint64_t>(question.seconds, 3600)) + 1);
    if (!drop_privileges(std::nullopt, kToLook)) ::_exit(EXIT_FAILURE);
    const std::string& path = views_.at(question.view)->plan().path;
    const int how = config_.look(place == "/" ? path : path + place);
    Answer found;
    if (how == config_.nothing_there) {
      found.refused = Error{Code::not_found, "nothing stands at " + path + place};
    } else if (how != EXIT_SUCCESS) {
      found.refused =
          Error{Code::unavailable, "not all below " + path + place + " could be looked at"};
    }
    answer(socket, found);
    ::_exit(EXIT_SUCCESS);
  }

  const Mounter::Config& config_;
  const MountPlaces places_;
  const bool may_mount_ = (permitted_capabilities() & 1ULL << CAP_SYS_ADMIN) != 0;
  pid_t prober_;  // -1: it has ended, or there was none
  KernelVerdict verdict_ = KernelVerdict::untried;
  std::size_t walkers_ = 0;
  std::map<std::uint32_t, std::unique_ptr<OwnMount>> views_;
  std::uint32_t next_ = 0;
};

// What the daemon inherited and will open is its own; a view's descriptor here would keep the view
// alive without it. Its signals are its own, too: this process ends when the daemon has.
void stand_apart(int socket, int others) {
  ::prctl(PR_SET_NAME, "fuse-mounter");
  ::close(others);
  if (::dup2(socket, kSocket) < 0) ::_exit(EXIT_FAILURE);
  ::fcntl(kSocket, F_SETFD, FD_CLOEXEC);
  ::syscall(SYS_close_range, kSocket + 1, ~0U, 0);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) std::signal(number, SIG_IGN);
}

// Beside the daemon's first steps, so that nobody waits for it.
pid_t try_kernel(const Mounter::Config& config) {
  const bool may_mount = (permitted_capabilities() & 1ULL << CAP_SYS_ADMIN) != 0;
  if (!config.mounts || config.views.empty() || !may_mount) return -1;
  const pid_t prober = ::fork();
  if (prober != 0) return prober;
  ::close(kSocket);
  ::prctl(PR_SET_NAME, "fuse-prober");
  ::_exit(static_cast<int>(probe_kernel(config.views.front().path)));
}

// Who may mount by itself needs no program for it. Everybody else has fusermount3, and what that
// program needs: the right to gain rights.
void confine() {
  if ((permitted_capabilities() & 1ULL << CAP_SYS_ADMIN) == 0) return;
  Status good = drop_privileges(std::nullopt, kToMount);
  if (good) good = filter_syscalls(Duty::mounting);
  if (!good) {
    log(Severity::warning, "the mounter keeps more rights than it needs",
        {{"why", good.error().message}});
  }
}

// A view as the daemon sees it.
class DistantMount final : public Mounting {
 public:
  DistantMount(int socket, std::uint32_t number) : socket_(socket), number_(number) {}

  Result<int> mount() override {
    auto made = say(Wish::mount);
    if (made.refused) return *made.refused;
    return made.descriptor;
  }
  void unmount() override {
    const auto done = say(Wish::unmount);
    if (!done.refused) return;
    log(Severity::error, "this view stays where it is, without a daemon",
        {{"why", done.refused->message}});
  }
  Status leave() override {
    const auto done = say(Wish::leave);
    if (done.refused) return *done.refused;
    return success();
  }
  void abort() override { say(Wish::abort); }

 private:
  Answer say(Wish wish) const;

  const int socket_;
  const std::uint32_t number_;
};

// timed_out: no answer came in time; unavailable: none will.
Answer exchange(int socket, const Question& question, milliseconds wait) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return {gone()};
  const bool asked = ask(socket, question, ends[1]);
  ::close(ends[1]);
  pollfd ready{ends[0], POLLIN, 0};
  Answer answered{gone()};
  if (asked) {
    int came = -1;
    do {
      came = ::poll(&ready, 1, static_cast<int>(wait.count()));
    } while (came < 0 && errno == EINTR);
    if (came == 0) {
      answered = {Error{Code::timed_out, "the process that mounts did not answer in time"}};
    } else if (auto heard = await_answer(ends[0])) {
      answered = *std::move(heard);
    }
  }
  ::close(ends[0]);
  return answered;
}

Answer DistantMount::say(Wish wish) const {
  return exchange(socket_, {wish, number_, 0, {}}, kMountWait);
}

}  // namespace

Result<std::unique_ptr<Mounter>> Mounter::start(const Config& config) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return Error{Code::unavailable, "no socket for the process that mounts"};
  }
  const pid_t process = ::fork();
  if (process == 0) {
    stand_apart(ends[1], ends[0]);
    const pid_t prober = try_kernel(config);
    confine();
    Attendant(config, prober).live();
    ::_exit(EXIT_SUCCESS);
  }
  ::close(ends[1]);
  if (process > 0) return std::unique_ptr<Mounter>(new Mounter(ends[0], process));
  ::close(ends[0]);
  return Error{Code::unavailable, "no process could be started that mounts"};
}

std::unique_ptr<Mounter> Mounter::adopt(int socket, pid_t process) {
  return std::unique_ptr<Mounter>(new Mounter(socket, process));
}

Mounter::~Mounter() {
  ::close(socket_);
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, process_, 0));
  pollfd ended{handle, POLLIN, 0};
  const bool over = handle < 0 || ::poll(&ended, 1, static_cast<int>(kMounterEndWait.count())) == 1;
  if (handle >= 0) ::close(handle);
  if (over) ::waitpid(process_, nullptr, 0);
}

std::unique_ptr<Mounting> Mounter::view(std::size_t number) const {
  return std::make_unique<DistantMount>(socket_, static_cast<std::uint32_t>(number));
}

Result<std::size_t> Mounter::add(const MountPlan& plan) const {
  const auto added =
      exchange(socket_, {Wish::add, 0, 0, plan.path, plan.volume, plan.read_only}, kMountWait);
  if (added.refused) return *added.refused;
  return added.number;
}

void Mounter::forget(std::size_t number) const {
  exchange(socket_, {Wish::forget, static_cast<std::uint32_t>(number), 0, {}}, kMountWait);
}

Status Mounter::check_kernel() const {
  const Answer said = exchange(socket_, {Wish::verdict, 0, 0, {}}, kKernelProbeWait);
  if (!said.refused) return success();
  if (said.refused->code == Code::unsupported) return *said.refused;
  return Error{Code::unavailable, said.refused->message};
}

Status Mounter::walk(std::size_t number, const std::string& place, Moment deadline) const {
  const auto left = duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now());
  const auto wait = std::clamp<milliseconds>(left, 0ms, 1h);
  const Question question{Wish::walk, static_cast<std::uint32_t>(number),
                          static_cast<std::uint64_t>(wait / 1s), place};
  const auto answered = exchange(socket_, question, wait);
  if (!answered.refused) return success();
  Error why = *answered.refused;
  if (why.code == Code::timed_out) why.message = "walking " + place + " did not end in time";
  return why;
}

}  // namespace outboard::fusefs
