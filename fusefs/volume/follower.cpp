#include "fusefs/volume/follower.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "core/log.h"

namespace outboard::fusefs {
namespace {

// Who waits for the kernel looks so often whether it is to end.
constexpr std::chrono::milliseconds kLookAgain{100};

}  // namespace

Follower::Follower(Store& store, MountedVolume& volume, const Clock& clock)
    : store_(store), volume_(volume), clock_(clock), thread_([this] { run(); }) {}

Follower::~Follower() {
  {
    Lock lock(mutex_);
    stop_ = true;
    if (queue_) queue_->wake();
    woken_.notify_all();
  }
  thread_.join();
}

bool Follower::stopping() const {
  Lock lock(mutex_);
  return stop_;
}

void Follower::run() {
  pthread_setname_np(pthread_self(), "follow");
  std::chrono::milliseconds pause = kReconnectWaitMin;
  while (!stopping()) {
    if (follow_once()) pause = kReconnectWaitMin;
    volume_.set_stale(true);
    wait(pause);
    pause = std::min(pause * 2, kReconnectWaitMax);
  }
}

bool Follower::follow_once() {
  if (behind_ && !load()) return false;
  auto queue = std::make_shared<FeedQueue>(kWatcherQueueChanges, true, volume_.loaded(),
                                           volume_.remembers());
  {
    Lock lock(mutex_);
    if (stop_) return false;
    queue_ = queue;
  }
  auto subscription = store_.subscribe(Call::until(clock_.now() + kReadDeadline),
                                       volume_.volume().id, volume_.seq(), queue);
  if (!subscription) {
    const Code code = subscription.error().code;
    if (code == Code::history_gone) handle_end(FeedEnd::history_gone);
    if (code == Code::unauthenticated || code == Code::not_found) doubtful_ = true;
    return code == Code::history_gone;
  }
  if (doubtful_ && !load()) return false;
  volume_.watch_counted([held = subscription->get()] { return held->counted(); });
  const bool worked = take(**subscription, *queue);
  volume_.watch_counted([] { return false; });
  return worked;
}

bool Follower::take(Subscription& subscription, FeedQueue& queue) {
  bool worked = false;
  bool remembered = false;  // when it was last acknowledged
  Seq absorbed;
  while (!stopping()) {
    const auto item = queue.next(remembered ? clock_.now() + kAcknowledgeAgain : Moment::max());
    if (item && item->strict) volume_.set_strict(*item->strict);
    if (item && item->upto) {
      await_kernel();
      volume_.absorb_feed(*item);
      absorbed = item->upto;
    }
    if (item || remembered) {
      const bool remembers = volume_.remembers();
      subscription.acknowledge(absorbed, remembers);
      remembered = remembers && volume_.strict();
    }
    if (!item) continue;
    if (item->end) {
      handle_end(*item->end);
      return worked;
    }
    if (!worked) volume_.set_stale(false);
    worked = true;
  }
  return worked;
}

void Follower::handle_end(FeedEnd end) {
  if (end == FeedEnd::closed) return;
  log(Severity::info, "the feed ended; connecting again",
      {{"volume", volume_.volume().name}, {"why", std::string(name_of(end))}});
  behind_ = behind_ || end == FeedEnd::history_gone;
  // A grant that was withdrawn takes names away of which no change tells.
  doubtful_ = doubtful_ || end == FeedEnd::access_revoked;
}

bool Follower::load() {
  const auto loaded = volume_.resynchronise(clock_.now() + kBarrierDeadline);
  if (loaded) {
    behind_ = false;
    doubtful_ = false;
    complained_ = false;
    return true;
  }
  if (std::exchange(complained_, true)) return false;
  log(Severity::warning, "the tree could not be loaded anew",
      {{"volume", volume_.volume().name}, {"why", loaded.error().message}});
  return false;
}

// A program that holds a directory in the kernel, in a create that waits for the store, say, keeps
// that directory's notices waiting. When as many wait as may, no more news are taken in:
// barriers wait, and strict volumes hear nothing from us. What ends it is the program's request,
// which has a deadline, also where that request itself waits for news. The kernel could be made to
// forget all names instead, in one notice, but with them it takes out of the tree what is mounted
// upon directories of the view; and nobody but the kernel knows which names it remembers as absent,
// so that to forget those of one directory would be to name each that changed, as it is now. [S56]
void Follower::await_kernel() {
  if (volume_.has_room(clock_.now() + kLookAgain)) return;
  log(Severity::warning, "the kernel is slow to take what changed: this view waits for it",
      {{"volume", volume_.volume().name}});
  while (!stopping() && !volume_.has_room(clock_.now() + kLookAgain)) {
  }
}

void Follower::wait(std::chrono::milliseconds time) {
  Lock lock(mutex_);
  const Moment until = std::chrono::steady_clock::now() + time;
  while (!stop_ && woken_.wait_until(mutex_, until)) {
  }
}

}  // namespace outboard::fusefs
