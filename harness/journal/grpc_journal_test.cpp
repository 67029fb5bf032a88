// GrpcJournal against a server in this process that keeps one session's events as they came.
#include "harness/journal/grpc_journal.h"

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <latch>

#include "harness/journal/journal_words.h"
#include "outboard/v1/blob.grpc.pb.h"
#include "outboard/v1/journal.grpc.pb.h"
#include "outboard/v1/store.grpc.pb.h"
#include "proto/handshake.h"
#include "proto/status.h"

namespace outboard::harness {
namespace {

class Handshakes final : public v1::StoreService::Service {
  grpc::Status Handshake(grpc::ServerContext*, const v1::HandshakeRequest*,
                         v1::HandshakeResponse* response) override {
    wire::write_handshake("test", response);
    return grpc::Status::OK;
  }
};

class OneSession final : public v1::JournalService::Service {
 public:
  std::vector<v1::Event> events;
  v1::AppendRequest appended;
  v1::ClaimRequest claimed;
  v1::PostRequest posted;
  v1::WorkRequest worked;
  int busy = 0;  // answer so many appends with `unavailable`

 private:
  grpc::Status GetSession(grpc::ServerContext*, const v1::GetSessionRequest* request,
                          v1::GetSessionResponse* response) override {
    response->mutable_session()->set_id(request->id());
    response->mutable_session()->set_state(v1::SESSION_STATE_WAITING);
    return grpc::Status::OK;
  }
  grpc::Status Claim(grpc::ServerContext*, const v1::ClaimRequest* request,
                     v1::ClaimResponse* response) override {
    claimed = *request;
    v1::Session& session = *response->add_sessions();
    session.set_id(wire::write_uuid(random_uuid()));
    session.set_state(v1::SESSION_STATE_RUNNING);
    session.set_epoch(7);
    return grpc::Status::OK;
  }
  grpc::Status Append(grpc::ServerContext*, const v1::AppendRequest* request,
                      v1::AppendResponse* response) override {
    if (busy-- > 0) return wire::to_status(Error{Code::unavailable, "a moment"});
    appended = *request;
    if (request->epoch() < 7) return wire::to_status(Error{Code::fenced, "too late"});
    if (request->after_seq() != events.size()) {
      return wire::to_status(Error{Code::conflict, "another head"});
    }
    response->set_first_seq(events.size() + 1);
    for (v1::Event event : request->events()) {
      event.set_seq(events.size() + 1);
      events.push_back(event);
    }
    response->set_last_seq(events.size());
    return grpc::Status::OK;
  }
  grpc::Status Replay(grpc::ServerContext*, const v1::ReplayRequest* request,
                      grpc::ServerWriter<v1::ReplayResponse>* writer) override {
    for (std::size_t i = request->after_seq(); i < events.size(); ++i) {
      v1::ReplayResponse part;
      *part.add_events() = events[i];
      writer->Write(part);
    }
    return grpc::Status::OK;
  }
  // Breaks after each event: the client must come back for the rest.
  grpc::Status Tail(grpc::ServerContext*, const v1::TailRequest* request,
                    grpc::ServerWriter<v1::TailResponse>* writer) override {
    if (request->after_seq() >= events.size()) {
      return wire::to_status(Error{Code::no_access, "revoked"});
    }
    v1::TailResponse part;
    *part.add_events() = events[request->after_seq()];
    part.set_state(v1::SESSION_STATE_RUNNING);
    part.set_head_seq(events.size());
    writer->Write(part);
    return wire::to_status(Error{Code::unavailable, "restarting"});
  }
  grpc::Status Post(grpc::ServerContext*, const v1::PostRequest* request,
                    v1::PostResponse* response) override {
    posted = *request;
    response->set_repeated_post(true);
    return grpc::Status::OK;
  }
  grpc::Status Work(grpc::ServerContext*,
                    grpc::ServerReaderWriter<v1::WorkResponse, v1::WorkRequest>* stream) override {
    stream->Read(&worked);
    v1::WorkResponse heard;
    heard.set_runnable(true);
    stream->Write(heard);
    v1::WorkRequest more;
    while (stream->Read(&more)) continue;
    return grpc::Status::OK;
  }
};

class KeptBlobs final : public v1::BlobService::Service {
  grpc::Status PutBlob(grpc::ServerContext*, grpc::ServerReader<v1::PutBlobRequest>* reader,
                       v1::PutBlobResponse*) override {
    v1::PutBlobRequest part;
    std::string bytes;
    while (reader->Read(&part)) bytes += part.bytes();
    kept_ = bytes;
    return grpc::Status::OK;
  }
  grpc::Status GetBlob(grpc::ServerContext*, const v1::GetBlobRequest*,
                       grpc::ServerWriter<v1::GetBlobResponse>* writer) override {
    v1::GetBlobResponse part;
    part.set_bytes(kept_);
    writer->Write(part);
    return grpc::Status::OK;
  }
  std::string kept_;
};

class GrpcJournals : public ::testing::Test {
 protected:
  GrpcJournals() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&handshakes_).RegisterService(&session_).RegisterService(&blobs_);
    server_ = builder.BuildAndStart();
    client::ChannelConfig config;
    config.address = "127.0.0.1:" + std::to_string(port);
    auto connected = GrpcJournal::connect(config, soon());
    EXPECT_TRUE(connected) << connected.error().message;
    journal_ = *std::move(connected);
  }
  ~GrpcJournals() override {
    journal_.reset();
    server_->Shutdown();
  }
  static Moment soon() { return Moment::clock::now() + std::chrono::seconds(30); }
  Result<Appended> append(std::uint64_t after, std::string words, std::uint64_t epoch = 7) {
    return journal_->append({id_,
                             Epoch{epoch},
                             after,
                             1,
                             {{UserMessage{"ada", Body::of(std::move(words))}, random_uuid()}},
                             {},
                             Usage{1, 2, 3, 4}},
                            soon());
  }

  Handshakes handshakes_;
  OneSession session_;
  KeptBlobs blobs_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<GrpcJournal> journal_;
  const SessionId id_{random_uuid()};
};

TEST_F(GrpcJournals, WhatIsAppendedIsReplayedAndTailedAcrossBrokenStreams) {
  ASSERT_TRUE(append(0, "one"));
  session_.busy = 2;
  ASSERT_EQ(append(1, "two")->last, 2U);
  EXPECT_EQ(session_.appended.spent().tokens(), 10U);
  EXPECT_EQ(append(0, "again").error().code, Code::conflict);
  EXPECT_EQ(append(2, "late", 6).error().code, Code::fenced);
  std::vector<std::string> words;
  const auto take = [&](const Record& record) {
    words.push_back(std::get<UserMessage>(record.event).text.text);
    EXPECT_TRUE(record.inbox);
    return true;
  };
  ASSERT_TRUE(journal_->replay(id_, 0, take, soon()));
  auto tail = journal_->tail(id_, 0, soon());
  for (int i = 0; i < 2; ++i) {
    const auto tailed = (*tail)->next(soon());
    ASSERT_TRUE(tailed) << tailed.error().message;
    for (const Record& record : tailed->records) take(record);
  }
  EXPECT_EQ(words, (std::vector<std::string>{"one", "two", "one", "two"}));
  EXPECT_EQ((*tail)->next(soon()).error().code, Code::no_access);
}

TEST_F(GrpcJournals, ClaimsSayWhatIsHeldAndPostsWhatWasSent) {
  const auto claimed = journal_->claim("w", {id_}, 5, soon());
  ASSERT_EQ(claimed->size(), 1U);
  EXPECT_EQ(claimed->front().epoch, Epoch{7});
  EXPECT_EQ(session_.claimed.held(0), wire::write_uuid(id_.uuid));
  const OpId op = op_id_of(id_, 1, 0);
  EXPECT_TRUE(*journal_->post(id_, {random_uuid(), "", {}, Approval{op, true, "go"}}, soon()));
  EXPECT_EQ(session_.posted.approval().op_id(), wire::write_uuid(op.uuid));
}

struct Heard final : WorkSink {
  std::latch runnable{1};
  void on_runnable() override { runnable.count_down(); }
  void on_lost(SessionId) override {}
  void on_inbox(SessionId) override {}
};

TEST_F(GrpcJournals, AWorkerIsHeardAndHears) {
  const auto sink = std::make_shared<Heard>();
  auto stream = journal_->work("w", sink, soon());
  sink->runnable.wait();
  (*stream)->offer(3, false);
  *stream = nullptr;
  EXPECT_EQ(session_.worked.worker(), "w");
}

TEST_F(GrpcJournals, BlobsAreCheckedWhenTheyCome) {
  const std::string big(3U << 20U, 'x');
  const auto digest = journal_->put(id_, big, soon());
  ASSERT_TRUE(digest);
  EXPECT_EQ(*journal_->get(*digest, soon()), big);
  EXPECT_EQ(journal_->get(sha256("other"), soon()).error().code, Code::corrupt);
}

TEST_F(GrpcJournals, ARefusedMethodIsSaid) {
  EXPECT_EQ(journal_->create({id_, "1", {}}, soon()).error().code, Code::unsupported);
}

}  // namespace
}  // namespace outboard::harness
