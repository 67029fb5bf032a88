// MemoryJournal: a Journal in this process's memory, for tests and for trying things out.
//
// Keeps events encoded, so that what a test shows went through the codec. Time is the Clock's:
// leases end when it says so. Any thread; one lock; sinks are called without it.
#pragma once

#include <map>
#include <set>

#include "core/guarded.h"
#include "harness/journal/journal.h"

namespace outboard::harness {

class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(const Clock& clock) : clock_(clock) {}
  MemoryJournal(const MemoryJournal&) = delete;
  MemoryJournal& operator=(const MemoryJournal&) = delete;

  Result<Created> create(const NewSession& session, Moment deadline) override;
  Result<SessionInfo> describe(SessionId session, Moment deadline) override;
  Result<FoundSessions> find(const SessionQuery& query, Moment deadline) override;
  Result<std::vector<SessionInfo>> claim(std::string_view worker,
                                         const std::vector<SessionId>& held, std::size_t limit,
                                         Moment deadline) override;
  Status release(const Release& release, Moment deadline) override;
  Result<std::unique_ptr<WorkStream>> work(std::string_view worker, std::shared_ptr<WorkSink> sink,
                                           Moment deadline) override;
  Result<Appended> append(const Append& append, Moment deadline) override;
  Status replay(SessionId session, std::uint64_t after, const std::function<bool(Record)>& take,
                Moment deadline) override;
  Result<std::unique_ptr<Tail>> tail(SessionId session, std::uint64_t after,
                                     Moment deadline) override;
  Result<bool> post(SessionId session, const InboxItem& item, Moment deadline) override;
  Result<std::vector<InboxItem>> inbox(SessionId session, Moment deadline) override;

 private:
  class MemoryTail;
  class MemoryWork;
  struct Stored {
    EncodedEvent event;
    std::string actor;
    std::uint64_t turn = 0;
    Timestamp at;
    Uuid inbox;
  };
  struct Session {
    SessionInfo info;
    Moment lease{};  // claimable from then on while running
    std::vector<Stored> events;
    std::vector<InboxItem> inbox;  // not taken up
    std::set<Uuid> posted;
    std::set<Uuid> taken;
  };

  // All that is to be told once the lock is given up.
  struct Notices {
    std::vector<std::shared_ptr<WorkSink>> runnable;
    std::vector<std::pair<std::shared_ptr<WorkSink>, SessionId>> lost;
    std::vector<std::pair<std::shared_ptr<WorkSink>, SessionId>> inbox;
  };
  static void tell(const Notices& notices);

  Result<Session*> session_of(SessionId id) REQUIRES_LOCK(mutex_);
  Status check_holder(const Session& session, Epoch epoch) REQUIRES_LOCK(mutex_);
  bool claimable(const Session& session, std::string_view worker,
                 const std::vector<SessionId>& held) REQUIRES_LOCK(mutex_);
  void make_runnable(Session& session, Notices& notices) REQUIRES_LOCK(mutex_);
  void stop_working(const std::string& worker, const WorkSink* sink);
  std::vector<Stored> stored_after(SessionId id, std::uint64_t after, SessionInfo& info);

  const Clock& clock_;
  Mutex mutex_;
  Condition changed_;  // any session, for tails
  std::map<SessionId, Session> sessions_ GUARDED_BY(mutex_);
  std::map<std::string, std::shared_ptr<WorkSink>> workers_ GUARDED_BY(mutex_);
};

}  // namespace outboard::harness
