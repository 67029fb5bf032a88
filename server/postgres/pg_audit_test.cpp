// The audit: what is sealed, what a seal shows, what is kept of refusals and reads.
#include <gtest/gtest.h>

#include "core/limits.h"
#include "server/access.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class AuditTest : public DatabaseTest {
 protected:
  AuditTest() : memory_(volume("acme/memory")), ada_(call()) {
    ada_.caller.token = 0;
    ada_.caller.organisation = store().describe(call(), memory_)->organisation;
    ada_.caller.principal = "ada";
    ada_.caller.grants = {Grant{memory_, "/", false}};
  }

  void write(const std::string& path, const std::string& bytes) {
    const auto done = store().apply(call(), memory_, put(path, bytes));
    ASSERT_TRUE(done) << done.error().message;
  }
  SealCheck check(SealQuery query = {}) {
    auto found = database_->audit().check_log(call(), "acme/memory", query);
    EXPECT_TRUE(found) << found.error().message;
    return *std::move(found);
  }
  // Tampers as somebody could who owns the database.
  void tamper(const std::string& text) { sql(*connect(), text); }
  // Closing the database writes what the trail has gathered.
  void reopen() {
    database_.reset();
    database_ = open();
  }
  std::vector<Refusal> refusals() {
    auto found = database_->audit().refusals(call(), {"acme", 0, 100});
    EXPECT_TRUE(found) << found.error().message;
    return *std::move(found);
  }
  std::vector<ReadCount> reads(const std::string& below = "/") {
    auto found = database_->audit().reads(call(), {"acme/memory", below, 1, 100});
    EXPECT_TRUE(found) << found.error().message;
    return *std::move(found);
  }

  const VolumeId memory_;
  Call ada_;
};

TEST_F(AuditTest, S51_TheLogOfServersAndOfSqlIsOneChain) {
  write("/a", "one");
  tamper(
      "INSERT INTO outboard.memory_files (org, path, content) VALUES ('acme', '/b', 'two'), "
      "('acme', '/c/d', 'three')");
  write("/a", "four");
  const SealCheck found = check({{}, {}, true});
  EXPECT_EQ(found.fault, "");
  EXPECT_FALSE(found.broken_at);
  EXPECT_EQ(found.first, Seq{1});
  EXPECT_EQ(found.last, store().describe(call(), memory_)->head);
  EXPECT_EQ(found.seals, 3U);
  ASSERT_TRUE(found.digest);
  const SealCheck first = check({{}, found.first, false});
  EXPECT_EQ(first.last, Seq{1});
  EXPECT_NE(first.digest, found.digest);
  EXPECT_EQ(check({found.last, {}, false}).seals, 0U);
}

TEST_F(AuditTest, S51_WhatIsAlteredShows) {
  for (const char* path : {"/a", "/b", "/c"}) write(path, "x");
  tamper("UPDATE outboard.changes SET principal = 'bob' WHERE path = '/b'");
  EXPECT_EQ(check().broken_at, Seq{2});
  tamper("UPDATE outboard.changes SET principal = 'outboard' WHERE path = '/b'");
  EXPECT_FALSE(check().broken_at);
  tamper("UPDATE outboard.seals SET digest = sha256('') WHERE last_seq = 1");
  EXPECT_EQ(check().broken_at, Seq{1});
}

TEST_F(AuditTest, S51_WhatIsMissingShows) {
  for (const char* path : {"/a", "/b", "/c"}) write(path, "x");
  tamper("DELETE FROM outboard.changes WHERE path = '/b'");
  SealCheck found = check();
  EXPECT_EQ(found.broken_at, Seq{2});
  EXPECT_EQ(found.last, Seq{1});
  tamper("DELETE FROM outboard.seals WHERE last_seq = 2");
  found = check();
  EXPECT_EQ(found.broken_at, Seq{3});
  EXPECT_EQ(found.fault, "no seal covers 2 to 2");
}

TEST_F(AuditTest, S51_BytesBehindTheLogsBackShow) {
  write("/a", "x");
  tamper("UPDATE outboard.versions SET data = 'y'");
  EXPECT_FALSE(check().broken_at);
  const SealCheck found = check({{}, {}, true});
  EXPECT_EQ(found.broken_at, Seq{1});
  EXPECT_EQ(found.fault, "the bytes of /a are not those that were written");
}

TEST_F(AuditTest, TheAuditIsForTheOrganisationsAdministrators) {
  ASSERT_TRUE(admin().create_organisation(call(), "globex"));
  Call ada = ada_;
  ada.caller.token = 7;
  Audit& audit = database_->audit();
  EXPECT_EQ(audit.check_log(ada, "acme/memory", {}).error().code, Code::no_access);
  EXPECT_EQ(audit.refusals(ada, {"acme", 0, 1}).error().code, Code::no_access);
  EXPECT_EQ(audit.reads(ada, {"acme/memory", "/", 1, 1}).error().code, Code::no_access);
  ada.caller.admin = true;
  EXPECT_TRUE(audit.check_log(ada, "acme/memory", {}));
  EXPECT_EQ(audit.check_refusals(ada, {}).error().code, Code::no_access);
  ada.caller.organisation += 1;
  EXPECT_EQ(audit.check_log(ada, "acme/memory", {}).error().code, Code::not_found);
  EXPECT_EQ(audit.refusals(ada, {"acme", 0, 1}).error().code, Code::not_found);
  EXPECT_EQ(audit.reads(ada, {"acme/memory", "/", 1, 1}).error().code, Code::not_found);
}

TEST_F(AuditTest, S52_ARefusedWriteIsOnRecord) {
  {
    Access access(store(), &database_->trail());
    for (int i = 0; i < 3; ++i) {
      EXPECT_EQ(access.apply(ada_, memory_, put("/a", "x")).error().code, Code::read_only);
    }
    Call stranger = ada_;
    stranger.caller.grants.clear();
    EXPECT_EQ(access.apply(stranger, memory_, put("/b\xff", "x")).error().code, Code::not_found);
    Batch taken = put("/a", "x");  // an everyday race
    taken.steps.front().when.version = Version{9};
    EXPECT_EQ(access.apply(call(), memory_, taken).error().code, Code::conflict);
  }
  reopen();
  const std::vector<Refusal> found = refusals();
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[1].principal, "ada");
  EXPECT_EQ(found[1].volume, "acme/memory");
  EXPECT_EQ(found[1].op, "publish");
  EXPECT_EQ(found[1].path, "/a");
  EXPECT_EQ(found[1].times, 3U);
  EXPECT_EQ(found[0].times, 1U);
  const auto checked = database_->audit().check_refusals(call(), {});
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->fault, "");
  EXPECT_EQ(checked->seals, 1U);
}

TEST_F(AuditTest, S52_TheRecordOfRefusalsIsOnlyAddedTo) {
  database_->trail().refused(ada_.caller, {memory_, "publish", "/a", Code::read_only});
  reopen();
  ASSERT_EQ(refusals().size(), 1U);
  const std::string said = sql_error(*connect(), "DELETE FROM outboard.refusals");
  EXPECT_NE(said.find("only ever added to"), std::string::npos) << said;
  tamper(
      "ALTER TABLE outboard.refusals DISABLE TRIGGER refuse_change; "
      "UPDATE outboard.refusals SET principal = 'bob'");
  EXPECT_TRUE(database_->audit().check_refusals(call(), {})->broken_at);
}

TEST_F(AuditTest, S53_ReadsAreCountedByFileAndReader) {
  write("/notes/a", "one");
  write("/b", std::string(kReadBytesMax + 1, 'x'));
  const Inode a = store().attributes(call(), memory_, "/notes/a")->value.inode;
  const Inode b = store().attributes(call(), memory_, "/b")->value.inode;
  Access access(store(), &database_->trail());
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(access.read(ada_, memory_, a, {}, 0, kReadBytesMax));
  EXPECT_TRUE(access.read(ada_, memory_, b, {}, 0, kReadBytesMax));
  EXPECT_TRUE(access.read(ada_, memory_, b, {}, kReadBytesMax, 1));  // goes on
  EXPECT_TRUE(access.read_many(ada_, memory_, {{a, {}}}));           // makes a list
  reopen();
  ASSERT_EQ(reads().size(), 2U);
  EXPECT_EQ(reads()[0].path, "/notes/a");
  EXPECT_EQ(reads()[0].principal, "ada");
  EXPECT_EQ(reads()[0].times, 2U);
  EXPECT_EQ(reads()[1].times, 1U);
  ASSERT_EQ(reads("/notes").size(), 1U);
  EXPECT_EQ(reads("/note").size(), 0U);
}

}  // namespace
}  // namespace outboard::server
