// LiveFeed: what this process's runners say as it happens, for whoever watches their sessions.
//
// Runner → LiveFeed → Ear → a watch. Nothing of it is durable, so nothing waits for it: an ear that
// is full forgets what it held and says that the turn's partial text is void; the journal's event
// with the whole follows anyway. Who comes in the middle hears the turn's text so far.
//
// Any thread. Lock order: LiveFeed's, then an ear's; an ear's poke is called with neither.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/guarded.h"
#include "harness/loop/watcher.h"

namespace outboard::harness {

enum class LiveKind : std::uint8_t { text, output, dropped };

struct LivePart {
  LiveKind kind = LiveKind::text;
  std::uint64_t turn = 0;    // of text and dropped
  OpId op;                   // of output
  std::uint64_t offset = 0;  // of output's first byte
  std::string bytes;
  friend bool operator==(const LivePart&, const LivePart&) = default;
};

// One watch's queue.
class Ear {
 public:
  explicit Ear(std::function<void()> poke) : poke_(std::move(poke)) {}

  // What came since, oldest first.
  std::vector<LivePart> take();
  // Any thread; must not block.
  void poke() const { poke_(); }

 private:
  friend class LiveFeed;
  struct Queue {
    std::deque<LivePart> parts;
    std::size_t bytes = 0;
  };
  void put(const LivePart& part);

  const std::function<void()> poke_;
  Guarded<Queue> queue_;
};

class LiveFeed final : public Watcher {
 public:
  // Hears `session` while the ear is held.
  std::shared_ptr<Ear> listen(SessionId session, std::function<void()> poke);
  // It does not run here any more.
  void forget(SessionId session);

  void on_text(SessionId session, std::uint64_t turn, std::string_view delta) override;
  void on_output(SessionId session, OpId op, std::uint64_t offset, std::string_view bytes) override;
  void on_dropped(SessionId session, std::uint64_t turn) override;

 private:
  struct Line {
    std::vector<std::weak_ptr<Ear>> ears;
    LivePart text;    // of the turn, so far; with no bytes: none
    LivePart output;  // of the command that runs, so far
  };
  void say(SessionId session, const LivePart& part);

  Guarded<std::map<SessionId, Line>> lines_;
};

}  // namespace outboard::harness
