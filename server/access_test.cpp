#include "server/access.h"

#include <gtest/gtest.h>

#include "core/await_lock.h"
#include "core/clock.h"
#include "core/memory_store.h"

namespace outboard::server {
namespace {

class AccessTest : public ::testing::Test {
 protected:
  static Call as(std::uint64_t organisation, std::vector<Grant> grants) {
    Call call = Call::until(SystemClock().now() + std::chrono::seconds(30));
    call.caller.organisation = organisation;
    call.caller.grants = std::move(grants);
    return call;
  }
  static Batch mkdir() {
    Batch batch;
    MakeDirectory make;
    make.at = NameRef{std::string("/"), "d"};
    make.parents = true;
    batch.steps.push_back({make, {}});
    return batch;
  }
  // What each function answers, in one word.
  std::string reads(const Call& call, VolumeId volume) {
    const auto sink = std::make_shared<FeedQueue>();
    SearchQuery query;
    query.pattern = "x";
    const std::vector<std::optional<Error>> errors = {
        error_of(access_.describe(call, volume)),
        error_of(access_.lookup(call, volume, NameRef{Inode{}, ""})),
        error_of(access_.attributes(call, volume, kRootInode)),
        error_of(access_.list(call, volume, kRootInode, "", 10)),
        error_of(access_.read_many(call, volume, {})),
        error_of(access_.snapshot(call, volume, {}, [](const SnapshotPart&) {})),
        error_of(access_.xattrs(call, volume, kRootInode)),
        error_of(access_.history(call, volume, {})),
        error_of(access_.search(call, volume, query, [](const SearchedFile&) { return true; })),
        error_of(access_.subscribe(call, volume, Seq{}, sink))};
    std::size_t hidden = 0;
    for (const auto& error : errors) hidden += error && is_hidden(*error, volume) ? 1 : 0;
    if (hidden == errors.size()) return "hidden";
    return hidden == 0 ? "seen" : "mixed";
  }
  std::string writes(const Call& call, VolumeId volume) {
    const auto applied = access_.apply(call, volume, mkdir());
    return applied ? "written" : std::string(name_of(applied.error().code));
  }
  template <class T>
  static std::optional<Error> error_of(const Result<T>& result) {
    if (result) return std::nullopt;
    return result.error();
  }
  // Told apart from a path that is not there by the volume's number.
  static bool is_hidden(const Error& error, VolumeId volume) {
    return error.code == Code::not_found && error.subject == to_string(volume);
  }

  SystemClock clock_;
  MemoryStore store_{clock_};
  Access access_{store_};
  const VolumeId ours_ = store_.add_volume("acme/skills", {}, 1);
  const VolumeId also_ours_ = store_.add_volume("acme/memory", {}, 1);
  const VolumeId theirs_ = store_.add_volume("umbrella/skills", {}, 2);
};

// [S30] Who may write may not take bytes away for good.
TEST_F(AccessTest, S30_OnlyAdministratorsRedact) {
  Call call = as(1, {Grant{ours_, "/", true}});
  call.caller.token = 7;
  Batch batch;
  Publish publish;
  publish.at = NameRef{std::string("/"), "f"};
  publish.bytes = "secret";
  batch.steps.push_back({publish, {}});
  const auto made = access_.apply(call, ours_, batch);
  ASSERT_TRUE(made);
  const Inode inode = made->outcomes[0].node.inode;
  batch.steps.push_back({Redact{inode, {}}, {}});
  EXPECT_EQ(access_.apply(call, ours_, batch).error().code, Code::no_access);
  call.caller.admin = true;
  EXPECT_TRUE(access_.apply(call, ours_, batch));
  EXPECT_FALSE(access_.read(call, ours_, inode, {}, 0, 10));
}

TEST_F(AccessTest, WithoutAGrantAVolumeIsNotThere) {
  const Call call = as(1, {});
  EXPECT_EQ(reads(call, ours_), "hidden");
  EXPECT_EQ(writes(call, ours_), "not_found");
  const auto opened = access_.open_volume(call, "acme/skills");
  const auto missing = access_.open_volume(call, "acme/nothing");
  ASSERT_FALSE(opened);
  ASSERT_FALSE(missing);
  EXPECT_EQ(opened.error().code, missing.error().code);
  EXPECT_EQ(opened.error().message.size() + std::string("nothing").size(),
            missing.error().message.size() + std::string("skills").size());
}

TEST_F(AccessTest, AGrantIsForItsVolume) {
  const Call call = as(1, {Grant{ours_, "/", false}});
  EXPECT_EQ(reads(call, ours_), "seen");
  EXPECT_EQ(writes(call, ours_), "read_only");
  EXPECT_TRUE(access_.open_volume(call, "acme/skills")->read_only);
  EXPECT_EQ(reads(call, also_ours_), "hidden");
  EXPECT_EQ(writes(call, also_ours_), "not_found");
}

TEST_F(AccessTest, AGrantForAllIsForAllOfTheOrganisation) {
  const Call call = as(1, {Grant{VolumeId{}, "/", true}});
  for (const VolumeId volume : {ours_, also_ours_}) {
    EXPECT_EQ(reads(call, volume), "seen");
    EXPECT_EQ(writes(call, volume), "written");
  }
  EXPECT_FALSE(access_.open_volume(call, "acme/skills")->read_only);
  EXPECT_EQ(reads(call, theirs_), "hidden");
  EXPECT_EQ(writes(call, theirs_), "not_found");
  EXPECT_FALSE(access_.open_volume(call, "umbrella/skills"));
}

TEST_F(AccessTest, AForeignGrantOpensNothing) {
  const Call call = as(1, {Grant{theirs_, "/", true}});
  EXPECT_EQ(reads(call, theirs_), "hidden");
  EXPECT_EQ(writes(call, theirs_), "not_found");
}

TEST_F(AccessTest, WhatOneCallerOpenedIsNotOpenToTheNext) {
  ASSERT_TRUE(access_.open_volume(as(2, {Grant{theirs_, "/", true}}), "umbrella/skills"));
  EXPECT_EQ(reads(as(1, {Grant{VolumeId{}, "/", true}}), theirs_), "hidden");
}

TEST_F(AccessTest, APathPrefixOpensItsPart) {
  const Call call = as(1, {Grant{ours_, "/team", true}});
  EXPECT_FALSE(access_.open_volume(call, "acme/skills")->read_only);
  EXPECT_EQ(reads(call, also_ours_), "hidden");
  EXPECT_EQ(writes(call, ours_), "not_found");
  EXPECT_EQ(writes(as(1, {Grant{ours_, "/team", false}}), ours_), "read_only");
}

// [S40] No change tells what a withdrawn grant has taken away.
TEST_F(AccessTest, S40_AFeedIsNotResumedUnderOtherGrants) {
  ASSERT_EQ(writes(internal_call(clock_.now() + std::chrono::seconds(30)), ours_), "written");
  const auto sees = [&](std::vector<Grant> grants, ClientId client) {
    Call call = as(1, std::move(grants));
    call.caller.client = client;
    return call;
  };
  const auto resumed = [&](const Call& call) {
    const auto answer = access_.subscribe(call, ours_, Seq{1}, std::make_shared<FeedQueue>());
    return answer ? std::string("resumed") : std::string(name_of(answer.error().code));
  };
  const auto load = [&](const Call& call) {
    ASSERT_TRUE(access_.snapshot(call, ours_, {}, [](const SnapshotPart&) {}));
  };
  const ClientId client{random_uuid()};
  const Call whole = sees({Grant{ours_, "/", false}}, client);
  const Call part = sees({Grant{ours_, "/d", false}}, client);
  const Call other = sees({Grant{ours_, "/e", false}}, client);
  load(whole);
  EXPECT_EQ(resumed(whole), "resumed");
  EXPECT_EQ(resumed(part), "history_gone");
  load(part);
  EXPECT_EQ(resumed(part), "resumed");
  EXPECT_EQ(resumed(other), "history_gone");
  load(part);
  EXPECT_EQ(resumed(whole), "history_gone");
  load(whole);
  EXPECT_EQ(resumed(whole), "resumed");
  EXPECT_EQ(resumed(sees({Grant{ours_, "/d", false}}, ClientId{random_uuid()})), "history_gone");
}

TEST_F(AccessTest, AnAuditorReadsTheLogAndNothingElse) {
  Call call = as(1, {});
  call.caller.auditor = true;
  EXPECT_TRUE(access_.history(call, ours_, {}));
  EXPECT_TRUE(access_.open_volume(call, "acme/skills")->read_only);
  EXPECT_FALSE(access_.attributes(call, ours_, kRootInode));
  EXPECT_FALSE(access_.snapshot(call, ours_, {}, [](const SnapshotPart&) {}));
  EXPECT_EQ(writes(call, ours_), "not_found");
  EXPECT_FALSE(access_.history(call, theirs_, {}));
}

TEST_F(AccessTest, APatternCoversVolumesByTheirNames) {
  Grant pattern{VolumeId{}, "/", true};
  pattern.pattern = "mem*";
  const Call call = as(1, {pattern});
  EXPECT_EQ(writes(call, also_ours_), "written");
  EXPECT_EQ(reads(call, ours_), "hidden");
}

TEST_F(AccessTest, ReadAndWriteGrantsAddUp) {
  const Call call = as(1, {Grant{VolumeId{}, "/", false}, Grant{ours_, "/", true}});
  EXPECT_EQ(writes(call, ours_), "written");
  EXPECT_EQ(writes(call, also_ours_), "read_only");
}

TEST_F(AccessTest, TheSiteReachesAll) {
  const Call call = internal_call(clock_.now() + std::chrono::seconds(30));
  for (const VolumeId volume : {ours_, also_ours_, theirs_}) {
    EXPECT_EQ(reads(call, volume), "seen");
    EXPECT_EQ(writes(call, volume), "written");
  }
}

TEST_F(AccessTest, AnExclusiveLockIsAWrite) {
  const Call call = as(1, {Grant{ours_, "/", false}});
  LockQuery query;
  query.inode = kRootInode;
  query.client = ClientId{random_uuid()};
  query.kind = LockKind::exclusive;
  EXPECT_EQ(await_lock(access_, call, ours_, query).error().code, Code::read_only);
  query.kind = LockKind::shared;
  EXPECT_TRUE(await_lock(access_, call, ours_, query));
}

}  // namespace
}  // namespace outboard::server
