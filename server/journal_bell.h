// JournalBell: who wants to hear of which session, and the words by which servers tell each other.
//
// Place in the flow: PgJournal, after a commit → ring() → sinks of this process, at once, and into
// a queue that PgJournal's sender tells the other servers by NOTIFY; their listener → heard(). A
// bell is a hint: whoever hears it reads the journal; one that was lost is made good by the tails'
// marks and the workers' own looks.
//
// Any thread; sinks are called without the lock.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "core/guarded.h"
#include "server/journal.h"

namespace outboard::server {

struct Bell {
  enum class Kind : char { session = 's', runnable = 'r', inbox = 'i', lost = 'l' };
  Kind kind = Kind::session;
  std::uint64_t number = 0;  // runnable: the organisation; inbox and lost: the worker
  SessionId session;         // but for runnable

  friend auto operator<=>(const Bell&, const Bell&) = default;
};

std::string to_word(const Bell& bell);
// Nothing when it is none of ours: a newer server's.
std::optional<Bell> parse_bell(std::string_view word);

class JournalBell {
 public:
  JournalBell();
  JournalBell(const JournalBell&) = delete;
  JournalBell& operator=(const JournalBell&) = delete;

  std::unique_ptr<Hook> follow(SessionId session, std::shared_ptr<SessionSink> sink);
  // `organisation` 0: hears of all.
  std::unique_ptr<Hook> work(std::uint64_t worker, std::uint64_t organisation,
                             std::shared_ptr<ShiftSink> sink);

  void ring(const Bell& bell);
  // What another server, or this one, told.
  void heard(std::string_view payload);
  // Bells may have been lost: rings all.
  void doubt();

  // Waits until there is something to tell; a payload within NOTIFY's 8,000 bytes. Empty: closed.
  std::string next_payload();
  void close();

 private:
  class FollowHook;
  class WorkHook;
  struct Worker {
    std::uint64_t number = 0;
    std::uint64_t organisation = 0;
    std::shared_ptr<ShiftSink> sink;
  };

  void tell(const Bell& bell);

  const std::string name_;  // of this server in payloads
  Mutex mutex_;
  Condition queued_;
  std::multimap<SessionId, std::shared_ptr<SessionSink>> followers_ GUARDED_BY(mutex_);
  std::map<const ShiftSink*, Worker> workers_ GUARDED_BY(mutex_);
  std::set<Bell> queue_ GUARDED_BY(mutex_);
  bool closed_ GUARDED_BY(mutex_) = false;
};

}  // namespace outboard::server
