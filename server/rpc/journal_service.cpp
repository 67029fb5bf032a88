#include "server/rpc/journal_service.h"

#include <pthread.h>

#include "server/rpc/journal_words.h"
#include "server/rpc/produced.h"
#include "server/rpc/shift_stream.h"
#include "server/rpc/tail_stream.h"

namespace outboard::server {
namespace {

using wire::Faults;

grpc::Status stopping() {
  return wire::to_status(
      Error{Code::unavailable, "the server is stopping; connect again, to it or to another"});
}

}  // namespace

JournalService::JournalService(Desk& desk, Journal& journal)
    : desk_(desk), journal_(journal), keeper_([this] { look_after_streams(); }) {
  pthread_setname_np(keeper_.native_handle(), "outboard-live");
}

JournalService::~JournalService() {
  {
    const Lock lock(mutex_);
    ended_ = true;
    stopped_.notify_all();
  }
  keeper_.join();
}

// ── Calls ────────────────────────────────────────────────────────────────────────────────────────

grpc::ServerUnaryReactor* JournalService::CreateSession(Context* context,
                                                        const v1::CreateSessionRequest* request,
                                                        v1::CreateSessionResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const NewSession wanted = read(*request, faults);
    if (faults) return faults.error();
    auto created = journal_.create(call, wanted);
    if (!created) return created.error();
    write(created->session, response->mutable_session());
    response->set_existed(created->existed);
    return success();
  });
}

grpc::ServerUnaryReactor* JournalService::GetSession(Context* context,
                                                     const v1::GetSessionRequest* request,
                                                     v1::GetSessionResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const SessionId id = read_session("id", request->id(), faults);
    if (faults) return faults.error();
    auto session = journal_.describe(call, id);
    if (!session) return session.error();
    auto open = journal_.open_calls(call, id);
    if (!open) return open.error();
    write(*session, response->mutable_session());
    for (const ToolCall& one : *open) write(one, response->add_open_calls());
    return success();
  });
}

grpc::ServerUnaryReactor* JournalService::ListSessions(Context* context,
                                                       const v1::ListSessionsRequest* request,
                                                       v1::ListSessionsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const SessionQuery query = read(*request, faults);
    if (faults) return faults.error();
    auto page = journal_.list(call, query);
    if (!page) return page.error();
    for (const Session& session : page->sessions) write(session, response->add_sessions());
    response->set_next_page_token(page->next_page_token);
    return success();
  });
}

grpc::ServerUnaryReactor* JournalService::Claim(Context* context, const v1::ClaimRequest* request,
                                                v1::ClaimResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    std::vector<SessionId> held;
    for (const std::string& id : request->held()) held.push_back(read_session("held", id, faults));
    if (faults) return faults.error();
    auto claimed = journal_.claim(call, request->worker(), request->limit(), held);
    if (!claimed) return claimed.error();
    for (const Session& session : *claimed) write(session, response->add_sessions());
    return success();
  });
}

grpc::ServerUnaryReactor* JournalService::Release(Context* context,
                                                  const v1::ReleaseRequest* request,
                                                  v1::ReleaseResponse*) {
  return serve(desk_, context, [this, request](const Call& call) -> Status {
    Faults faults;
    const ReleaseRequest wanted = read(*request, faults);
    if (faults) return faults.error();
    return journal_.release(call, wanted);
  });
}

grpc::ServerUnaryReactor* JournalService::Append(Context* context, const v1::AppendRequest* request,
                                                 v1::AppendResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const AppendRequest wanted = read(*request, faults);
    if (faults) return faults.error();
    auto appended = journal_.append(call, wanted);
    if (!appended) return appended.error();
    response->set_first_seq(appended->first_seq);
    response->set_last_seq(appended->last_seq);
    return success();
  });
}

grpc::ServerUnaryReactor* JournalService::Post(Context* context, const v1::PostRequest* request,
                                               v1::PostResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const SessionId session = read_session("session", request->session(), faults);
    const InboxItem item = read(*request, faults);
    if (faults) return faults.error();
    auto posted = journal_.post(call, session, item);
    if (!posted) return posted.error();
    response->set_repeated_post(*posted);
    return success();
  });
}

grpc::ServerUnaryReactor* JournalService::ReadInbox(Context* context,
                                                    const v1::ReadInboxRequest* request,
                                                    v1::ReadInboxResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const SessionId session = read_session("session", request->session(), faults);
    if (faults) return faults.error();
    auto items = journal_.inbox(call, session);
    if (!items) return items.error();
    for (const InboxItem& item : *items) write(item, response->add_items());
    return success();
  });
}

grpc::ServerWriteReactor<v1::ReplayResponse>* JournalService::Replay(
    Context* context, const v1::ReplayRequest* request) {
  using Parts = PartStream<v1::ReplayResponse>;
  const auto body = [this, request](const Call& call, Parts& parts) -> Status {
    Faults faults;
    const SessionId session = read_session("session", request->session(), faults);
    if (faults) return faults.error();
    for (std::uint64_t after = request->after_seq();;) {
      auto page = journal_.events(call, session, after);
      if (!page) return page.error();
      if (page->events.empty()) return success();
      after = page->events.back().seq;
      v1::ReplayResponse part;
      for (const SessionEvent& event : page->events) write(event, part.add_events());
      if (!parts.send(std::move(part))) return reader_gone();
      if (after >= page->head_seq) return success();
    }
  };
  return produced<v1::ReplayResponse>(desk_, context, body);
}

// ── Streams ──────────────────────────────────────────────────────────────────────────────────────

std::function<void(LiveStream*)> JournalService::forget() {
  return [this](LiveStream* done) {
    streams_.with([done](Streams& streams) { streams.erase(done); });
  };
}

template <class Stream>
void JournalService::begin(const std::shared_ptr<Stream>& stream) {
  streams_.with([&](Streams& streams) { streams.emplace(stream.get(), stream); });
  stream->start();
  bool late = false;
  {
    const Lock lock(mutex_);
    late = stopping_;
  }
  if (late) stream->close(stopping());
}

grpc::ServerWriteReactor<v1::TailResponse>* JournalService::Tail(Context* context,
                                                                 const v1::TailRequest* request) {
  const auto stream = std::make_shared<TailStream>(desk_, journal_, context, *request, forget());
  begin(stream);
  return stream.get();
}

grpc::ServerBidiReactor<v1::WorkRequest, v1::WorkResponse>* JournalService::Work(Context* context) {
  const auto stream = std::make_shared<ShiftStream>(desk_, journal_, context, forget());
  begin(stream);
  return stream.get();
}

std::vector<std::shared_ptr<LiveStream>> JournalService::streams() {
  return streams_.with([](Streams& streams) {
    std::vector<std::shared_ptr<LiveStream>> live;
    live.reserve(streams.size());
    for (const auto& [key, stream] : streams) {
      if (auto held = stream.lock()) live.push_back(std::move(held));
    }
    return live;
  });
}

void JournalService::stop() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  for (const auto& stream : streams()) stream->close(stopping());
}

void JournalService::look_after_streams() {
  Moment mark_at = std::chrono::steady_clock::now() + kProgressInterval;
  for (;;) {
    {
      const Lock lock(mutex_);
      const Moment next = std::chrono::steady_clock::now() + kTokenCacheFor;
      while (!ended_ && stopped_.wait_until(mutex_, next)) {
      }
      if (ended_) return;
    }
    const bool mark = std::chrono::steady_clock::now() >= mark_at;
    if (mark) mark_at += kProgressInterval;
    bool readable = true;  // tokens; if they are not now: ask at the next round
    for (const auto& stream : streams()) {
      const Moment deadline = std::chrono::steady_clock::now() + kTokenCacheFor;
      readable = readable && stream->recheck(deadline);
      if (mark) stream->mark();
    }
  }
}

}  // namespace outboard::server
