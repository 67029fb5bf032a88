// Following: one watch of a session: its durable events from the journal, and between them what
// happens live when it runs in this process.
//
// AgentService → Following → Journal's tail, LiveFeed → Outlet. What always holds: events leave in
// seq order without gaps; live text of a turn leaves only ahead of that turn's answer, output of a
// call only ahead of its result.
//
// run() on one thread; stop() from any.
#pragma once

#include <atomic>
#include <memory>
#include <set>

#include "core/clock.h"
#include "harness/api/agent_server.h"
#include "harness/journal/blobs.h"
#include "harness/journal/journal.h"
#include "outboard/v1/agent.pb.h"

namespace outboard::harness {

// Where the messages go. False: nobody takes them any more. Blocks while the reader is slow.
class Outlet {
 public:
  virtual ~Outlet() = default;
  virtual bool send(const v1::WatchSessionResponse& message) = 0;
};

class Following {
 public:
  Following(Records records, const Clock& clock, SessionId session)
      : records_(std::move(records)), clock_(clock), session_(session) {}

  // Until the outlet is closed or stop(): success; else why it cannot go on.
  Status run(std::uint64_t after, LiveFeed& live, Outlet& outlet);
  void stop();

 private:
  // The tail and the journal it needs, as long as a poke may come.
  struct Line {
    Records records;
    std::unique_ptr<Tail> tail;
  };

  Status follow(Ear& ear, Outlet& outlet);
  Status send_records(const Tailed& tailed, Outlet& outlet);
  bool send_live(Ear& ear, Outlet& outlet);
  // Says so once, when the session has nothing to do and everything was told.
  Status send_idle(SessionPhase phase, std::uint64_t head, Outlet& outlet);
  void note(const Event& event);
  Moment soon() const;

  const Records records_;
  const Clock& clock_;
  const SessionId session_;
  Guarded<std::shared_ptr<Line>> line_;
  std::atomic<bool> stopped_{false};
  bool closed_ = false;
  std::uint64_t sent_ = 0;      // seq of the last event
  std::uint64_t target_ = 0;    // live parts only from there on
  std::uint64_t answered_ = 0;  // turn of the last answer
  std::set<OpId> over_;         // calls with a result
  bool idle_ = false;
};

}  // namespace outboard::harness
