#include "harness/journal/grpc_journal.h"

#include "harness/journal/grpc_parts.h"
#include "harness/journal/journal_words.h"

namespace outboard::harness {

using client::Again;
using client::ask;

GrpcJournal::GrpcJournal(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcJournal::~GrpcJournal() = default;

Result<std::unique_ptr<GrpcJournal>> GrpcJournal::connect(const client::ChannelConfig& config,
                                                          Moment deadline) {
  auto channel = client::Channel::connect(config, deadline);
  if (!channel) return std::move(channel).error();
  return std::unique_ptr<GrpcJournal>(
      new GrpcJournal(std::make_unique<Parts>(*std::move(channel))));
}

std::unique_ptr<GrpcJournal> GrpcJournal::as(std::function<std::string()> token) const {
  return std::unique_ptr<GrpcJournal>(
      new GrpcJournal(std::make_unique<Parts>(parts_->channel->as(std::move(token)))));
}

Result<Created> GrpcJournal::create(const NewSession& session, Moment deadline) {
  v1::CreateSessionRequest request;
  request.set_id(wire::write_uuid(session.id.uuid));
  request.set_agent_revision(session.agent_revision);
  request.set_parent(wire::write_uuid(session.parent.uuid));
  v1::CreateSessionResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->CreateSession(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  wire::Faults faults;
  const Created created{read(response.session(), faults), response.existed()};
  return faults.or_error(created);
}

Result<SessionInfo> GrpcJournal::describe(SessionId session, Moment deadline) {
  v1::GetSessionRequest request;
  request.set_id(wire::write_uuid(session.uuid));
  v1::GetSessionResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->GetSession(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  wire::Faults faults;
  const SessionInfo info = read(response.session(), faults);
  return faults.or_error(info);
}

Result<FoundSessions> GrpcJournal::find(const SessionQuery& query, Moment deadline) {
  v1::ListSessionsRequest request;
  if (query.phase) request.set_state(write(*query.phase));
  request.set_limit(query.limit);
  request.set_page_token(query.page);
  v1::ListSessionsResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->ListSessions(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  wire::Faults faults;
  FoundSessions found;
  for (const v1::Session& session : response.sessions()) {
    found.sessions.push_back(read(session, faults));
  }
  found.next_page = response.next_page_token();
  return faults.or_error(std::move(found));
}

Result<std::vector<SessionInfo>> GrpcJournal::claim(std::string_view worker,
                                                    const std::vector<SessionId>& held,
                                                    std::size_t limit, Moment deadline) {
  v1::ClaimRequest request;
  request.set_worker(std::string(worker));
  request.set_limit(static_cast<std::uint32_t>(limit));
  for (const SessionId& id : held) request.add_held(wire::write_uuid(id.uuid));
  v1::ClaimResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->Claim(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  wire::Faults faults;
  std::vector<SessionInfo> claimed;
  for (const v1::Session& session : response.sessions()) claimed.push_back(read(session, faults));
  return faults.or_error(std::move(claimed));
}

Status GrpcJournal::release(const Release& release, Moment deadline) {
  v1::ReleaseRequest request;
  write(release, &request);
  v1::ReleaseResponse response;
  return ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->Release(&context, request, &response);
  });
}

Result<Appended> GrpcJournal::append(const Append& append, Moment deadline) {
  v1::AppendRequest request;
  if (auto written = write(append, &request); !written) return std::move(written).error();
  v1::AppendResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->Append(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  return Appended{response.first_seq(), response.last_seq()};
}

Status GrpcJournal::replay(SessionId session, std::uint64_t after,
                           const std::function<bool(Record)>& take, Moment deadline) {
  v1::ReplayRequest request;
  request.set_session(wire::write_uuid(session.uuid));
  std::optional<Error> damaged;
  bool enough = false;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    request.set_after_seq(after);  // behind what an earlier try has given
    const auto stream = parts_->journal->Replay(&context, request);
    v1::ReplayResponse part;
    while (!enough && !damaged && stream->Read(&part)) {
      for (const v1::Event& event : part.events()) {
        auto record = read(event);
        if (!record) {
          damaged = record.error();
          break;
        }
        after = record->seq;
        if (!take(*std::move(record))) enough = true;
        if (enough) break;
      }
    }
    if (!enough && !damaged) return stream->Finish();
    context.TryCancel();
    stream->Finish();
    return grpc::Status::OK;
  });
  if (damaged) return *std::move(damaged);
  return asked;
}

Result<bool> GrpcJournal::post(SessionId session, const InboxItem& item, Moment deadline) {
  v1::PostRequest request;
  request.set_session(wire::write_uuid(session.uuid));
  write(item, &request);
  v1::PostResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->Post(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  return response.repeated_post();
}

Result<std::vector<InboxItem>> GrpcJournal::inbox(SessionId session, Moment deadline) {
  v1::ReadInboxRequest request;
  request.set_session(wire::write_uuid(session.uuid));
  v1::ReadInboxResponse response;
  auto asked = ask(*parts_->channel, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return parts_->journal->ReadInbox(&context, request, &response);
  });
  if (!asked) return std::move(asked).error();
  wire::Faults faults;
  std::vector<InboxItem> items;
  for (const v1::InboxItem& item : response.items()) items.push_back(read(item, faults));
  return faults.or_error(std::move(items));
}

}  // namespace outboard::harness
