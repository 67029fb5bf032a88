#include "harness/journal/memory_journal.h"

#include <algorithm>

#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

std::int64_t unix_ms(Timestamp at) {
  return at.nanoseconds / 1'000'000;
}

}  // namespace

void MemoryJournal::tell(const Notices& notices) {
  for (const auto& sink : notices.runnable) sink->on_runnable();
  for (const auto& [sink, session] : notices.lost) sink->on_lost(session);
  for (const auto& [sink, session] : notices.inbox) sink->on_inbox(session);
}

Result<MemoryJournal::Session*> MemoryJournal::session_of(SessionId id) {
  const auto found = sessions_.find(id);
  if (found == sessions_.end()) {
    return Error{Code::not_found, "there is no session " + to_string(id), to_string(id)};
  }
  return &found->second;
}

Status MemoryJournal::check_holder(const Session& session, Epoch epoch) {
  if (session.info.epoch == epoch && session.info.phase == SessionPhase::running) return success();
  return Error{Code::fenced, "epoch " + to_string(epoch) + " of session " +
                                 to_string(session.info.id) + " has passed: it is at " +
                                 to_string(session.info.epoch) + " now; stop"};
}

bool MemoryJournal::claimable(const Session& session, std::string_view worker,
                              const std::vector<SessionId>& held) {
  switch (session.info.phase) {
    case SessionPhase::runnable: return true;
    case SessionPhase::running:
      if (session.info.worker == worker) {
        return std::find(held.begin(), held.end(), session.info.id) == held.end();
      }
      return !workers_.contains(session.info.worker) && clock_.now() >= session.lease;
    case SessionPhase::waiting:
      return session.info.wake_unix_ms != 0 && unix_ms(clock_.wall()) >= session.info.wake_unix_ms;
    case SessionPhase::finished:
    case SessionPhase::failed: return false;
  }
  CHECK(false);
}

void MemoryJournal::make_runnable(Session& session, Notices& notices) {
  session.info.phase = SessionPhase::runnable;
  session.info.worker.clear();
  for (const auto& [name, sink] : workers_) notices.runnable.push_back(sink);
}

Result<Created> MemoryJournal::create(const NewSession& wanted, Moment) {
  if (!wanted.id) return Error{Code::invalid, "a session needs an id; make a random uuid"};
  Notices notices;
  Created created;
  {
    Lock lock(mutex_);
    const auto [at, fresh] = sessions_.try_emplace(wanted.id);
    Session& session = at->second;
    if (fresh) {
      session.info.id = wanted.id;
      session.info.agent_revision = wanted.agent_revision;
      session.info.created = clock_.wall();
      make_runnable(session, notices);
    }
    created = {session.info, !fresh};
  }
  tell(notices);
  return created;
}

Result<SessionInfo> MemoryJournal::describe(SessionId id, Moment) {
  Lock lock(mutex_);
  auto session = session_of(id);
  if (!session) return std::move(session).error();
  return (*session)->info;
}

// A page is named by the first session that is not on the page before it.
Result<FoundSessions> MemoryJournal::find(const SessionQuery& query, Moment) {
  std::vector<SessionInfo> all;
  {
    Lock lock(mutex_);
    for (const auto& [id, session] : sessions_) {
      if (!query.phase || session.info.phase == *query.phase) all.push_back(session.info);
    }
  }
  std::sort(all.begin(), all.end(), [](const SessionInfo& a, const SessionInfo& b) {
    return std::pair(b.created.nanoseconds, a.id) < std::pair(a.created.nanoseconds, b.id);
  });
  auto from = std::find_if(all.begin(), all.end(), [&](const SessionInfo& info) {
    return query.page.empty() || to_string(info.id) == query.page;
  });
  FoundSessions found;
  for (; from != all.end(); ++from) {
    if (found.sessions.size() == query.limit) {
      found.next_page = to_string(from->id);
      break;
    }
    found.sessions.push_back(*from);
  }
  return found;
}

Result<std::vector<SessionInfo>> MemoryJournal::claim(std::string_view worker,
                                                      const std::vector<SessionId>& held,
                                                      std::size_t limit, Moment) {
  std::vector<SessionInfo> claimed;
  {
    Lock lock(mutex_);
    for (auto& [id, session] : sessions_) {
      if (claimed.size() >= std::min(limit, kClaimMax)) break;
      if (!claimable(session, worker, held)) continue;
      session.info.phase = SessionPhase::running;
      session.info.worker = worker;
      session.info.wake_unix_ms = 0;
      ++session.info.epoch.value;
      session.lease = clock_.now() + kLease;
      claimed.push_back(session.info);
    }
  }
  return claimed;
}

Status MemoryJournal::release(const Release& release, Moment) {
  if (release.phase == SessionPhase::running) {
    return Error{Code::invalid, "a session is not released as running; say how it rests"};
  }
  Notices notices;
  {
    Lock lock(mutex_);
    auto found = session_of(release.session);
    if (!found) return std::move(found).error();
    Session& session = **found;
    if (auto holder = check_holder(session, release.epoch); !holder) return holder;
    session.info.phase = release.phase;
    session.info.worker.clear();
    session.info.wake_unix_ms = release.wake_unix_ms;
    session.info.diagnosis = release.diagnosis;
    const bool wanted = release.phase == SessionPhase::runnable ||
                        (release.phase == SessionPhase::waiting && !session.inbox.empty());
    if (wanted) make_runnable(session, notices);
    changed_.notify_all();
  }
  tell(notices);
  return success();
}

Result<Appended> MemoryJournal::append(const Append& append, Moment) {
  if (append.drafts.empty() || append.drafts.size() > kAppendEventsMax) {
    return Error{Code::invalid, "an append of " + std::to_string(append.drafts.size()) +
                                    " events: it takes 1 to " + std::to_string(kAppendEventsMax)};
  }
  std::vector<Stored> fresh;
  for (const Draft& draft : append.drafts) {
    auto encoded = encode(draft.event);
    if (!encoded) return std::move(encoded).error();
    fresh.push_back({*std::move(encoded), actor_of(draft.event), append.turn, {}, draft.inbox});
  }
  Lock lock(mutex_);
  auto found = session_of(append.session);
  if (!found) return std::move(found).error();
  Session& session = **found;
  if (auto holder = check_holder(session, append.epoch); !holder) return std::move(holder).error();
  if (append.after != session.info.head) {
    return Error{Code::conflict, "an append behind event " + std::to_string(append.after) +
                                     " of session " + to_string(append.session) +
                                     ": the last one is " + std::to_string(session.info.head)};
  }
  for (const Stored& stored : fresh) {
    if (stored.inbox && session.taken.contains(stored.inbox)) {
      return Error{Code::exists, "inbox item " + to_string(stored.inbox) + " was taken up before"};
    }
  }
  Appended appended{session.info.head + 1, session.info.head + fresh.size()};
  for (Stored& stored : fresh) {
    stored.at = clock_.wall();
    if (stored.inbox) {
      session.taken.insert(stored.inbox);
      std::erase_if(session.inbox, [&](const InboxItem& i) { return i.client_id == stored.inbox; });
    }
    session.events.push_back(std::move(stored));
  }
  session.info.head = appended.last;
  session.lease = clock_.now() + kLease;
  changed_.notify_all();
  return appended;
}

std::vector<MemoryJournal::Stored> MemoryJournal::stored_after(SessionId id, std::uint64_t after,
                                                               SessionInfo& info) {
  Lock lock(mutex_);
  const Session& session = sessions_.at(id);
  info = session.info;
  const auto skip = static_cast<std::ptrdiff_t>(std::min(after, session.info.head));
  return {session.events.begin() + skip, session.events.end()};
}

Status MemoryJournal::replay(SessionId id, std::uint64_t after,
                             const std::function<bool(Record)>& take, Moment deadline) {
  if (auto known = describe(id, deadline); !known) return std::move(known).error();
  SessionInfo info;
  for (Stored& stored : stored_after(id, after, info)) {
    auto event = decode(stored.event);
    if (!event) return std::move(event).error();
    if (!take({++after, *std::move(event), stored.actor, stored.turn, stored.at, stored.inbox})) {
      break;
    }
  }
  return success();
}

Result<bool> MemoryJournal::post(SessionId id, const InboxItem& item, Moment) {
  if (!item.client_id) return Error{Code::invalid, "an inbox item needs an id; make a random uuid"};
  Notices notices;
  {
    Lock lock(mutex_);
    auto found = session_of(id);
    if (!found) return std::move(found).error();
    Session& session = **found;
    if (session.posted.contains(item.client_id)) return true;
    if (session.inbox.size() >= kInboxMax) {
      return Error{Code::unavailable, "the inbox of session " + to_string(id) +
                                          " is full; post again when it has read some"};
    }
    session.posted.insert(item.client_id);
    session.inbox.push_back(item);
    session.inbox.back().at = clock_.wall();
    if (session.info.phase == SessionPhase::waiting) make_runnable(session, notices);
    const auto holder = workers_.find(session.info.worker);
    if (holder != workers_.end()) notices.inbox.emplace_back(holder->second, id);
  }
  tell(notices);
  return false;
}

Result<std::vector<InboxItem>> MemoryJournal::inbox(SessionId id, Moment) {
  Lock lock(mutex_);
  auto session = session_of(id);
  if (!session) return std::move(session).error();
  return (*session)->inbox;
}

class MemoryJournal::MemoryTail final : public Tail {
 public:
  MemoryTail(MemoryJournal& journal, SessionId id, std::uint64_t after)
      : journal_(journal), id_(id), after_(after) {}

  Result<Tailed> next(Moment until) override {
    {
      Lock lock(journal_.mutex_);
      const SessionInfo& info = journal_.sessions_.at(id_).info;
      while (!woken_ && info.head <= after_ && info.phase == phase_) {
        if (!journal_.changed_.wait_until(journal_.mutex_, until)) break;
      }
      if (std::exchange(woken_, false) || (info.head <= after_ && info.phase == phase_)) {
        return Error{Code::timed_out, "nothing new in session " + to_string(id_) + " so far"};
      }
    }
    Tailed tailed;
    SessionInfo info;
    for (Stored& stored : journal_.stored_after(id_, after_, info)) {
      auto event = decode(stored.event);
      if (!event) return std::move(event).error();
      tailed.records.push_back({++after_, *std::move(event), std::move(stored.actor), stored.turn,
                                stored.at, stored.inbox});
    }
    phase_ = info.phase;
    tailed.phase = info.phase;
    tailed.head = info.head;
    return tailed;
  }

  void wake() override {
    Lock lock(journal_.mutex_);
    woken_ = true;
    journal_.changed_.notify_all();
  }

 private:
  MemoryJournal& journal_;
  const SessionId id_;
  std::uint64_t after_;
  SessionPhase phase_ = SessionPhase::runnable;  // as told last
  bool woken_ = false;                           // guarded by the journal's lock
};

Result<std::unique_ptr<Tail>> MemoryJournal::tail(SessionId id, std::uint64_t after,
                                                  Moment deadline) {
  if (auto known = describe(id, deadline); !known) return std::move(known).error();
  return std::unique_ptr<Tail>(std::make_unique<MemoryTail>(*this, id, after));
}

class MemoryJournal::MemoryWork final : public WorkStream {
 public:
  MemoryWork(MemoryJournal& journal, std::string worker, std::shared_ptr<WorkSink> sink)
      : journal_(journal), worker_(std::move(worker)), sink_(std::move(sink)) {}
  ~MemoryWork() override { journal_.stop_working(worker_, sink_.get()); }
  void offer(std::uint32_t capacity, bool draining) override {
    if (capacity > 0 && !draining) sink_->on_runnable();
  }

 private:
  MemoryJournal& journal_;
  const std::string worker_;
  const std::shared_ptr<WorkSink> sink_;
};

Result<std::unique_ptr<WorkStream>> MemoryJournal::work(std::string_view worker,
                                                        std::shared_ptr<WorkSink> sink, Moment) {
  {
    Lock lock(mutex_);
    if (!workers_.try_emplace(std::string(worker), sink).second) {
      return Error{Code::exists, "a worker named " + std::string(worker) +
                                     " is at work; each process needs a name of its own"};
    }
  }
  return std::unique_ptr<WorkStream>(
      std::make_unique<MemoryWork>(*this, std::string(worker), std::move(sink)));
}

// Its sessions are free at once: its stream broke.
void MemoryJournal::stop_working(const std::string& worker, const WorkSink* sink) {
  Notices notices;
  {
    Lock lock(mutex_);
    const auto found = workers_.find(worker);
    if (found == workers_.end() || found->second.get() != sink) return;
    workers_.erase(found);
    for (auto& [id, session] : sessions_) {
      if (session.info.phase == SessionPhase::running && session.info.worker == worker) {
        make_runnable(session, notices);
      }
    }
  }
  tell(notices);
}

}  // namespace outboard::harness
