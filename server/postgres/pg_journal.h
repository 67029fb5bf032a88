// PgJournal: the Journal in Postgres. What must be decided together is one statement each.
//
// Two threads of its own: `journal-leases` says that workers with a stream live and frees the
// sessions of those whose stream did not come back, `journal-bell` tells other servers. When this
// ends, streams' leases are left to run: their workers find this or another server again.
//
// Any thread may call.
#pragma once

#include <map>
#include <thread>

#include "core/guarded.h"
#include "server/journal.h"
#include "server/journal_bell.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgJournal final : public Journal {
 public:
  explicit PgJournal(ConnectionPool& pool);
  // REQUIRES: no Hook is left.
  ~PgJournal() override;
  PgJournal(const PgJournal&) = delete;
  PgJournal& operator=(const PgJournal&) = delete;

  Result<CreatedSession> create(const Call& call, const NewSession& session) override;
  Result<Session> describe(const Call& call, SessionId session) override;
  Result<std::vector<ToolCall>> open_calls(const Call& call, SessionId session) override;
  Result<SessionPage> list(const Call& call, const SessionQuery& query) override;
  Result<std::vector<Session>> claim(const Call& call, std::string_view worker, std::uint32_t limit,
                                     const std::vector<SessionId>& held) override;
  Status release(const Call& call, const ReleaseRequest& request) override;
  Result<std::unique_ptr<Hook>> work(const Call& call, std::string_view worker,
                                     std::shared_ptr<ShiftSink> sink) override;
  Result<Appended> append(const Call& call, const AppendRequest& request) override;
  Result<EventPage> events(const Call& call, SessionId session, std::uint64_t after) override;
  Result<std::unique_ptr<Hook>> follow(const Call& call, SessionId session,
                                       std::shared_ptr<SessionSink> sink) override;
  Result<bool> post(const Call& call, SessionId session, const InboxItem& item) override;
  Result<std::vector<InboxItem>> inbox(const Call& call, SessionId session) override;

  // What the listener hears.
  void heard(std::string_view payload) { bell_.heard(payload); }
  void doubt() { bell_.doubt(); }

 private:
  class Shift;
  // A worker's newest stream at this server.
  struct Live {
    std::uint64_t worker = 0;
    std::shared_ptr<ShiftSink> sink;
    Moment free_at = Moment::max();  // once broken: when its sessions are free
  };

  Result<std::uint64_t> worker_number(const Call& call, std::string_view worker);
  void ring_session(std::uint64_t organisation, SessionId session, bool runnable);
  // Why an append or a release found no row to change.
  Error refusal(const Call& call, SessionId session, Epoch epoch,
                std::optional<std::uint64_t> after);

  void keep_leases();
  void end_shift(const Uuid& stream);
  // False: the database is away; to be tried again.
  bool renew();
  bool free_sessions(const Uuid& stream, std::uint64_t worker);
  void tell_others();

  ConnectionPool& pool_;
  JournalBell bell_;
  Mutex mutex_;
  Condition changed_;
  std::map<Uuid, Live> shifts_ GUARDED_BY(mutex_);  // by the stream's own number
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread keeper_;
  std::thread teller_;
};

// no_access: a sandbox's token.
Status may_use_journal(const Caller& caller);
// Also for who is not a harness.
Status may_work(const Caller& caller);

}  // namespace outboard::server
