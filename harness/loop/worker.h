// Worker: claims sessions and runs them, many at a time, until it is told to drain.
//
// main → Worker → Journal (claims, heartbeat) and, for each session, a SessionRun on one of its
// threads. When the process dies its stream to the journal breaks and others take its sessions
// over; drained, it hands them over itself.
//
// Threads: run() on the caller's, which claims and carries notices; `slots` threads named
// "session-N" run sessions. drain() from any thread. One lock; nothing is called out under it.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "core/guarded.h"
#include "harness/journal/journal.h"
#include "harness/loop/runner.h"

namespace outboard::harness {

// A runner with all that its session needs, as main puts them together.
class SessionRun {
 public:
  virtual ~SessionRun() = default;
  virtual Rest run() = 0;
  virtual void notice() = 0;
  virtual void leave() = 0;
};

using OpenSession = std::function<Result<std::unique_ptr<SessionRun>>(const SessionInfo&)>;

struct WorkerConfig {
  std::string name;        // no other process has it
  std::size_t slots = 16;  // sessions that run at a time
};

class Worker {
 public:
  Worker(WorkerConfig config, Journal& journal, const Clock& clock, OpenSession open);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Returns when it is drained: every session was handed over. Once.
  void run();
  // Claim no more, hand over at the next boundary. Running commands go on in their sandboxes.
  void drain();

 private:
  class Sink;
  struct Held {
    SessionInfo info;
    std::shared_ptr<SessionRun> run;
    bool ready = false;  // in ready_, or running
    Moment at{};         // to be run again then
  };
  struct Wishes;  // what the lock's other side asks of run()'s thread

  void heard_runnable();
  void heard_of(SessionId session, bool lost);
  bool connect();
  Wishes take();
  bool has_wishes() REQUIRES_LOCK(mutex_);
  void claim(std::size_t limit);
  void carry(const std::vector<SessionId>& notices);
  void slot(std::size_t number);
  void settle(SessionId session, const Rest& rest);
  void give_back(const SessionInfo& info, SessionPhase phase, std::int64_t wake_unix_ms,
                 const std::string& why);
  Moment next_wake(Moment at_the_latest) REQUIRES_LOCK(mutex_);
  std::shared_ptr<SessionRun> find(SessionId session);

  const WorkerConfig config_;
  Journal& journal_;
  const Clock& clock_;
  const OpenSession open_;
  std::shared_ptr<Sink> sink_;
  std::unique_ptr<WorkStream> stream_;

  Mutex mutex_;
  Condition changed_;
  std::map<SessionId, Held> held_ GUARDED_BY(mutex_);
  std::deque<SessionId> ready_ GUARDED_BY(mutex_);
  std::deque<SessionId> notices_ GUARDED_BY(mutex_);  // something in the inbox
  std::deque<SessionId> lost_ GUARDED_BY(mutex_);     // others have it
  bool runnable_ GUARDED_BY(mutex_) = true;
  bool draining_ GUARDED_BY(mutex_) = false;
  bool over_ GUARDED_BY(mutex_) = false;
  bool leave_told_ GUARDED_BY(mutex_) = false;  // all that are held know that we drain
  Moment claimed_at_ GUARDED_BY(mutex_){};
  std::vector<std::thread> threads_;
};

}  // namespace outboard::harness
