// GrpcJournal: the Journal of a server. Calls JournalService over one channel.
//
// Place in the flow: worker, runner, api → GrpcJournal ~wire~ server. Requests are sent again after
// `unavailable` until their deadline: each is safe to repeat, by id or by the head it names. The
// streams of work() and tail() are opened again when they break, and go on where they were.
// Any thread. No Tail or WorkStream may outlive it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "client/channel_config.h"
#include "harness/journal/blobs.h"
#include "harness/journal/journal.h"

namespace outboard::harness {

class GrpcJournal final : public Journal, public Blobs {
 public:
  // unavailable when nobody answers until `deadline`; unsupported when the server is too old.
  static Result<std::unique_ptr<GrpcJournal>> connect(const client::ChannelConfig& config,
                                                      Moment deadline);
  ~GrpcJournal() override;
  // The same connection with the rights of another token: for what is done in somebody's name.
  std::unique_ptr<GrpcJournal> as(std::function<std::string()> token) const;
  GrpcJournal(const GrpcJournal&) = delete;
  GrpcJournal& operator=(const GrpcJournal&) = delete;

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

  Result<Sha256> put(SessionId session, std::string_view bytes, Moment deadline) override;
  Result<std::string> get(const Sha256& digest, Moment deadline) override;

 private:
  struct Parts;
  class GrpcTail;
  class GrpcWork;
  explicit GrpcJournal(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::harness
