#include "server/committer.h"

#include <pthread.h>

#include <algorithm>

namespace outboard::server {
Committer::Committer(std::vector<std::unique_ptr<GroupWriter>> writers)
    : writers_(std::move(writers)) {
  for (std::size_t i = 0; i < writers_.size(); ++i) {
    threads_.emplace_back([this, i] { work(*writers_[i], i); });
  }
}

Committer::~Committer() {
  {
    Lock lock(mutex_);
    stopping_ = true;
    for (Condition* woken : idle_) woken->notify_one();
  }
  for (auto& thread : threads_) thread.join();
}

std::optional<Error> Committer::enter(VolumeId volume, const WaitingPtr& waiting) {
  Lane& lane = lanes_[volume];
  if (stopping_) return Error{Code::unavailable, "the server is stopping: send it again elsewhere"};
  if (lane.queue.size() + lane.slow.size() >= kCommitQueueMax) {
    return Error{
        Code::unavailable,
        std::to_string(kCommitQueueMax) + " writes wait for this volume already: try again later",
        {},
        0,
        0,
        100};
  }
  lane.queue.push_back(waiting);
  ++queued_;
  list(volume, lane);
  return std::nullopt;
}

void Committer::submit(const Call& call, VolumeId volume, Batch batch, ApplyDone done) {
  auto waiting = std::make_shared<Waiting>();
  waiting->write = PendingWrite{call, std::move(batch), std::nullopt};
  waiting->done = std::move(done);
  std::optional<Error> refused;
  {
    Lock lock(mutex_);
    refused = enter(volume, waiting);
  }
  if (refused) waiting->done(*std::move(refused));
}

Result<Applied> Committer::apply(const Call& call, VolumeId volume, const Batch& batch) {
  auto waiting = std::make_shared<Waiting>();
  waiting->write = PendingWrite{call, batch, std::nullopt};
  Lock lock(mutex_);
  if (auto refused = enter(volume, waiting)) return *std::move(refused);
  while (waiting->place != Place::done) {
    if (waiting->answered.wait_until(mutex_, call.deadline)) continue;
    if (waiting->place != Place::done) return gave_up(*waiting, lanes_[volume]);
  }
  return *std::move(waiting->write.answer);
}

// What a caller hears whose deadline has passed.
Error Committer::too_late(Place place) {
  switch (place) {
    case Place::queued:
      return Error{Code::timed_out,
                   "the write waited behind others until its deadline; nothing of "
                   "it was written"};
    case Place::slow:
      return Error{Code::timed_out,
                   "another transaction held what this write changes until the deadline (an SQL "
                   "transaction left open?); nothing of it was written"};
    case Place::in_flight:
    case Place::done: break;
  }
  return Error{Code::timed_out,
               "the deadline passed while the write was being committed: it may or "
               "may not have happened; ask again with the same request id"};
}

// What nobody has begun is taken back.
Error Committer::gave_up(Waiting& waiting, Lane& lane) {
  const auto is_it = [&](const WaitingPtr& other) { return other.get() == &waiting; };
  if (waiting.place == Place::queued) queued_ -= std::erase_if(lane.queue, is_it);
  if (waiting.place == Place::slow) slow_ -= std::erase_if(lane.slow, is_it);
  return too_late(waiting.place);
}

void Committer::poke(VolumeId volume) {
  Lock lock(mutex_);
  const auto lane = lanes_.find(volume);
  if (lane == lanes_.end() || lane->second.slow.empty()) return;
  for (const auto& waiting : lane->second.slow) waiting->due = Moment{};
  wake_one();
}

void Committer::list(VolumeId volume, Lane& lane) {
  if (lane.busy || lane.listed || lane.queue.empty()) return;
  lane.listed = true;
  ready_.push_back(volume);
  wake_one();
}

bool Committer::next(Work& work) {
  // Where the queues are never empty, the blocked would never have their turn.
  if (++turns_ % kSlowTurnEvery == 0 && next_slow(work)) return true;
  while (!ready_.empty() && lanes_[ready_.front()].busy) {  // its end lists it again
    lanes_[ready_.front()].listed = false;
    ready_.pop_front();
  }
  if (ready_.empty()) return next_slow(work);
  work.volume = ready_.front();
  ready_.pop_front();
  Lane& lane = lanes_[work.volume];
  lane.listed = false;
  lane.busy = true;
  work.lock_wait = kRowLockWait;
  std::uint64_t bytes = 0;
  while (!lane.queue.empty() && work.group.size() < kGroupBatchesMax) {
    bytes += bytes_of(lane.queue.front()->write.batch);
    if (!work.group.empty() && bytes > kGroupBytesMax) break;
    work.group.push_back(std::move(lane.queue.front()));
    lane.queue.pop_front();
    --queued_;
  }
  return true;
}

bool Committer::next_slow(Work& work) {
  if (slow_ == 0) return false;
  // At the end all have a last try.
  const Moment now = stopping_ ? Moment::max() : std::chrono::steady_clock::now();
  for (auto& [volume, lane] : lanes_) {
    if (lane.busy) continue;
    const auto due = std::find_if(lane.slow.begin(), lane.slow.end(),
                                  [&](const WaitingPtr& waiting) { return waiting->due <= now; });
    if (due == lane.slow.end()) continue;
    work.volume = volume;
    work.group = {*due};
    work.lock_wait = kRowLockWaitSlow;
    lane.slow.erase(due);
    --slow_;
    lane.busy = true;
    return true;
  }
  return false;
}

Moment Committer::next_due() {
  Moment due = Moment::max();
  if (slow_ == 0) return due;
  for (const auto& [volume, lane] : lanes_) {
    if (lane.busy) continue;  // its end wakes us
    for (const auto& waiting : lane.slow) due = std::min(due, waiting->due);
  }
  return due;
}

void Committer::wake_one() {
  if (idle_.empty()) return;
  idle_.back()->notify_one();
  idle_.pop_back();
}

// Until there may be work; alone, until the next try on some slow side is due.
void Committer::rest(Condition& woken) {
  idle_.push_back(&woken);
  const Moment due = next_due();
  if (due == Moment::max()) {
    woken.wait(mutex_);
  } else {
    woken.wait_until(mutex_, due);
  }
  std::erase(idle_, &woken);
}

void Committer::work(GroupWriter& writer, std::size_t index) {
  pthread_setname_np(pthread_self(), ("commit-" + std::to_string(index)).c_str());
  Condition woken;
  for (;;) {
    Work work;
    std::vector<WaitingPtr> late;
    {
      Lock lock(mutex_);
      while (!next(work)) {
        if (stopping_) return;
        rest(woken);
      }
      drop_late(work, late);
    }
    tell(late);
    commit(writer, work);
  }
}

void Committer::drop_late(Work& work, std::vector<WaitingPtr>& answered) {
  const Moment now = std::chrono::steady_clock::now();
  std::vector<WaitingPtr> in_time;
  for (auto& waiting : work.group) {
    if (waiting->write.call.deadline > now) {
      waiting->place = Place::in_flight;
      in_time.push_back(std::move(waiting));
      continue;
    }
    waiting->write.answer = too_late(waiting->place);
    answer(waiting, answered);
  }
  work.group = std::move(in_time);
}

void Committer::answer(const WaitingPtr& waiting, std::vector<WaitingPtr>& answered) {
  counts_.answered(*waiting->write.answer);
  waiting->place = Place::done;
  if (waiting->done) {
    answered.push_back(waiting);
  } else {
    waiting->answered.notify_all();
  }
}

void Committer::tell(const std::vector<WaitingPtr>& answered) {
  for (const auto& waiting : answered) waiting->done(*std::move(waiting->write.answer));
}

GroupEnd Committer::commit_group(GroupWriter& writer, const Work& work) {
  std::vector<PendingWrite*> group;
  group.reserve(work.group.size());
  for (const auto& waiting : work.group) group.push_back(&waiting->write);
  return writer.commit(work.volume, group, work.lock_wait);
}

void Committer::commit(GroupWriter& writer, Work& work) {
  const Moment begun = std::chrono::steady_clock::now();
  if (!work.group.empty() && commit_group(writer, work) != GroupEnd::answered &&
      work.group.size() > 1) {
    for (const auto& waiting : work.group) {
      if (waiting->write.answer) continue;
      commit_group(writer, Work{work.volume, {waiting}, kRowLockWaitAlone});
    }
  }
  if (!work.group.empty()) {
    counts_.group(work.group.size(), std::chrono::steady_clock::now() - begun);
  }
  tell(settle(work));
}

void Committer::measure(Figures& to) {
  counts_.measure(to);
  Lock lock(mutex_);
  to.level("outboard_commit_queue", "Batches that wait for a commit.",
           static_cast<double>(queued_));
  to.level("outboard_commit_slow", "Batches that wait for a row which another transaction holds.",
           static_cast<double>(slow_));
}

// Frees the lane; blocked ones go to its slow side. The answered, to be told without the lock.
std::vector<Committer::WaitingPtr> Committer::settle(const Work& work) {
  std::vector<WaitingPtr> answered;
  Lock lock(mutex_);
  Lane& lane = lanes_[work.volume];
  const Moment now = std::chrono::steady_clock::now();
  for (const auto& waiting : work.group) {
    if (!waiting->write.answer && stopping_) {
      waiting->write.answer = Error{Code::unavailable,
                                    "the server is stopping and another transaction holds what "
                                    "this write changes; nothing of it was written"};
    }
    if (!waiting->write.answer && waiting->write.call.deadline <= now) {
      waiting->write.answer = too_late(Place::slow);
    }
    if (waiting->write.answer) {
      answer(waiting, answered);
      continue;
    }
    waiting->place = Place::slow;
    waiting->pause = std::clamp(waiting->pause * 2, kSlowPauseMin, kSlowPauseMax);
    waiting->due = std::min(now + waiting->pause, waiting->write.call.deadline);
    lane.slow.push_back(waiting);
    ++slow_;
  }
  lane.busy = false;
  list(work.volume, lane);
  if (!lane.slow.empty()) wake_one();
  return answered;
}

}  // namespace outboard::server
