// Who may see and do what, and what a sandbox's token can still write.
#include "core/path.h"
#include "tests/journal/journal_server.h"

namespace outboard::tests {
namespace {

using namespace server;

class Fences : public ::testing::Test {
 protected:
  Fences() : harness_(server_.as("ada", true)), journal_(server_.database().journal()) {}

  SessionId create(const Call& call) {
    const SessionId id{random_uuid()};
    EXPECT_TRUE(journal_.create(call, {id, "1", {}, {}}));
    return id;
  }

  JournalServer server_;
  const Call harness_;
  Journal& journal_;
};

TEST_F(Fences, ASessionIsItsCreatorsAndTheAdministrators) {
  const Call ada = server_.as("ada", false);
  const Call bob = server_.as("bob", false);
  const Call globex = server_.as("ada", true, "globex");
  const SessionId id = create(ada);
  EXPECT_EQ(journal_.describe(ada, id)->creator, "ada");
  EXPECT_TRUE(journal_.describe(server_.as("bob", true), id));
  for (const Call& stranger : {bob, globex}) {
    EXPECT_EQ(journal_.describe(stranger, id).error().code, Code::not_found);
    EXPECT_EQ(journal_.events(stranger, id, 0).error().code, Code::not_found);
    EXPECT_EQ(journal_.inbox(stranger, id).error().code, Code::not_found);
    EXPECT_EQ(journal_.post(stranger, id, {random_uuid(), "", 0, std::string("x")}).error().code,
              Code::not_found);
    EXPECT_EQ(journal_.list(stranger, {})->sessions.size(), 0U);
  }
  EXPECT_EQ(journal_.claim(globex, "w", 9, {})->size(), 0U);
  EXPECT_EQ(journal_.create(globex, {id, "1", {}, {}}).error().code, Code::exists);
  EXPECT_EQ(journal_.claim(bob, "w", 1, {}).error().code, Code::no_access);
}

TEST_F(Fences, ListsHavePages) {
  std::vector<SessionId> made;
  for (int i = 0; i < 5; ++i) made.push_back(create(harness_));
  std::vector<SessionId> seen;
  SessionQuery query;
  query.limit = 2;
  do {
    const auto page = journal_.list(harness_, query);
    ASSERT_TRUE(page) << page.error().message;
    for (const Session& session : page->sessions) seen.push_back(session.id);
    query.page_token = page->next_page_token;
  } while (!query.page_token.empty());
  EXPECT_EQ(seen, std::vector<SessionId>(made.rbegin(), made.rend()));
  query.page_token = "x";
  EXPECT_EQ(journal_.list(harness_, query).error().code, Code::invalid);
}

// The harness mints a sandbox's token with its own; a newer epoch or generation fences the old.
TEST_F(Fences, ASandboxesTokenEndsWithItsEpochAndGeneration) {
  const auto memory = server_.admin().create_volume(JournalServer::call(), "acme/memory", {});
  ASSERT_TRUE(memory);
  const SessionId id = create(harness_);
  Epoch epoch = journal_.claim(harness_, "w", 1, {})->front().epoch;
  TokenRequest wanted;
  wanted.organisation = "acme";
  wanted.principal = "ada";
  wanted.session = id;
  wanted.grants = {{"acme/*", "/", true}};
  const auto mint = [&](Epoch at, std::uint64_t generation) {
    wanted.epoch = at;
    wanted.generation = Generation{generation};
    return server_.admin().mint_token(harness_, wanted);
  };
  const auto write = [&](const MintedToken& token) {
    Call call = JournalServer::call();
    call.caller = *server_.database().tokens().read(token.secret, call.deadline);
    Publish publish;
    publish.at = NameRef{std::string("/"), "f"};
    publish.bytes = "x";
    auto applied =
        server_.database().store().apply(call, memory->id, Batch{{}, 0, {Step{publish, {}}}});
    return applied ? std::string("done") : std::string(name_of(applied.error().code));
  };
  const auto first = mint(epoch, 1);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(write(*first), "done");
  const auto second = mint(epoch, 2);  // a new sandbox
  ASSERT_TRUE(second);
  EXPECT_EQ(write(*first), "fenced");
  EXPECT_EQ(write(*second), "done");
  EXPECT_EQ(mint(epoch, 1).error().code, Code::fenced);
  server_.pass(std::chrono::hours(1));
  const Epoch next = journal_.claim(harness_, "v", 1, {})->front().epoch;  // a new worker
  EXPECT_EQ(write(*second), "fenced");
  EXPECT_EQ(mint(epoch, 3).error().code, Code::fenced);
  EXPECT_EQ(mint(Epoch{next.value + 1}, 3).error().code, Code::fenced);
  EXPECT_TRUE(mint(Epoch{}, 2));  // the session's, whoever works it
  const auto third = mint(next, 2);
  ASSERT_TRUE(third) << third.error().message;
  EXPECT_EQ(write(*third), "done");
  EXPECT_EQ(journal_.describe(harness_, id)->generation, Generation{2});
}

// [D7] Its mount's token is older than the call, and says nothing of it.
TEST_F(Fences, ASandboxesWriteIsOfTheTurnAndCallThatTheJournalHasUnderWay) {
  const auto memory = server_.admin().create_volume(JournalServer::call(), "acme/memory", {});
  ASSERT_TRUE(memory);
  const SessionId id = create(harness_);
  const Epoch epoch = journal_.claim(harness_, "w", 1, {})->front().epoch;
  Call sandbox = JournalServer::call();
  sandbox.caller = *server_.database().tokens().read(
      server_.mint("ada", false, "acme", id, {}, Generation{1}).secret, sandbox.deadline);
  const auto origin_of_write = [&] {
    Publish publish;
    publish.at = NameRef{std::string("/"), "f"};
    publish.bytes = "x";
    Store& store = server_.database().store();
    EXPECT_TRUE(store.apply(sandbox, memory->id, Batch{{}, 0, {Step{publish, {}}}}));
    HistoryQuery newest;
    newest.limit = 1;
    return store.history(sandbox, memory->id, newest)->value.front().origin;
  };
  const auto journal_says = [&](std::uint64_t turn, OpId op, ToolCallState state) {
    AppendRequest request;
    request.session = id;
    request.epoch = epoch;
    SessionEvent event;
    event.kind = "x";
    event.payload_version = 1;
    event.turn = turn;
    request.events.push_back(event);
    request.calls.push_back({op, turn, 0, "bash", EffectClass::command, state, epoch, {}, 0, {}});
    const auto appended = journal_.append(harness_, request);
    EXPECT_TRUE(appended) << appended.error().message;
  };
  const OpId first{random_uuid()};
  const OpId second{random_uuid()};
  journal_says(3, first, ToolCallState::intended);
  EXPECT_EQ(origin_of_write().op, OpId{});
  journal_says(3, first, ToolCallState::dispatched);
  const Origin during = origin_of_write();
  EXPECT_EQ(during.session, id);
  EXPECT_EQ(during.turn, 3U);
  EXPECT_EQ(during.op, first);
  journal_says(3, second, ToolCallState::dispatched);  // whose it is, nobody knows
  EXPECT_EQ(origin_of_write().op, OpId{});
  journal_says(4, first, ToolCallState::finished);
  EXPECT_EQ(origin_of_write().op, second);
  EXPECT_EQ(origin_of_write().turn, 4U);
}

TEST_F(Fences, ASandboxesTokenReachesNoJournal) {
  const SessionId id = create(harness_);
  const Epoch epoch = journal_.claim(harness_, "w", 1, {})->front().epoch;
  const MintedToken token = server_.mint("ada", true, "acme", id, epoch, Generation{1});
  const auto sandbox = server_.connect(token.secret);
  const Moment soon = JournalServer::soon();
  EXPECT_EQ(sandbox->describe(id, soon).error().code, Code::no_access);
  EXPECT_EQ(sandbox->claim("x", {}, 1, soon).error().code, Code::no_access);
  EXPECT_EQ(sandbox->post(id, {random_uuid(), "", {}, std::string("x")}, soon).error().code,
            Code::no_access);
}

TEST_F(Fences, BlobsAreSeenThroughTheirSessions) {
  const SessionId adas = create(server_.as("ada", false));
  const SessionId bobs = create(server_.as("bob", false));
  const auto ada = server_.connect(server_.mint("ada", false).secret);
  const auto bob = server_.connect(server_.mint("bob", false).secret);
  const Moment soon = JournalServer::soon();
  const auto digest = ada->put(adas, "the same", soon);
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(bob->get(*digest, soon).error().code, Code::not_found);
  EXPECT_EQ(bob->put(adas, "other", soon).error().code, Code::not_found);
  EXPECT_EQ(server_.database().blobs().has(server_.as("bob", false), {*digest})->front(), false);
  ASSERT_TRUE(bob->put(bobs, "the same", soon));  // he has the bytes
  EXPECT_EQ(*bob->get(*digest, soon), "the same");
  server_.sql("DO $$ BEGIN ASSERT (SELECT count(*) FROM outboard.blobs) = 1; END $$");
}

TEST_F(Fences, ARevokedTokenEndsItsTail) {
  const SessionId id = create(harness_);
  const MintedToken token = server_.mint("ada", false);
  const auto reader = server_.connect(token.secret);
  auto tail = reader->tail(id, 0, JournalServer::soon());
  ASSERT_TRUE(tail);
  ASSERT_TRUE((*tail)->next(JournalServer::soon()));
  ASSERT_TRUE(server_.admin().revoke_token(JournalServer::call(), token.info.id));
  for (;;) {
    const auto tailed = (*tail)->next(JournalServer::soon());
    if (tailed) continue;
    EXPECT_EQ(tailed.error().code, Code::unauthenticated);
    break;
  }
}

}  // namespace
}  // namespace outboard::tests
