// Reviewed volumes: what editors do, and what readers see of it.
#include <gtest/gtest.h>

#include "server/access.h"
#include "server/postgres/database_fixture.h"

namespace outboard::server {
namespace {

class RevisionsTest : public DatabaseTest {
 protected:
  RevisionsTest() : skills_(make({})) {}

  VolumeId make(VolumeSettings settings) {
    settings.mode = VolumeMode::reviewed;
    settings.skill_lint = Strictness::off;
    return volume("acme/v" + std::to_string(++volumes_), settings);
  }
  // Who holds a grant to read everything of the organisation, and no more.
  static Call reader() {
    Call call = DatabaseTest::call();
    call.caller.principal = "rita";
    call.caller.token = 0;
    call.caller.grants = {Grant{VolumeId{}, "/", false}};
    return call;
  }
  static Call editor(const std::string& principal) {
    Call call = DatabaseTest::call();
    call.caller.principal = principal;
    return call;
  }
  Seq write(const std::string& path, const std::string& bytes) {
    auto applied = store().apply(call(), skills_, put(path, bytes));
    EXPECT_TRUE(applied) << applied.error().message;
    return applied ? applied->last : Seq{};
  }
  std::string seen(const Call& by, const std::string& path, ReadAt at = {}) {
    auto node = store().attributes(by, skills_, path, at);
    if (!node) return "[" + std::string(name_of(node.error().code)) + "]";
    auto read = store().read(by, skills_, node->value.inode, node->value.version, 0, kReadBytesMax);
    return read ? read->value.bytes : "[" + std::string(name_of(read.error().code)) + "]";
  }
  Revision publish(const std::string& name = {}) {
    auto done = revisions().publish(call(), skills_, 0, {name, "because"});
    EXPECT_TRUE(done) << done.error().message;
    return done ? *done : Revision{};
  }
  Revisions& revisions() { return database_->revisions(); }

  int volumes_ = 0;
  VolumeId skills_;
};

TEST_F(RevisionsTest, S33_ReadersSeeWhatIsPublishedAndNothingNewer) {
  write("/greet/a.md", "one");
  EXPECT_EQ(seen(call(), "/greet/a.md"), "one");
  EXPECT_EQ(seen(reader(), "/greet/a.md"), "[not_found]");
  const Revision first = publish("first");
  EXPECT_EQ(first.number, 1U);
  EXPECT_EQ(first.publisher, "outboard");
  EXPECT_EQ(seen(reader(), "/greet/a.md"), "one");
  write("/greet/a.md", "two");
  write("/greet/b.md", "new");
  EXPECT_EQ(seen(reader(), "/greet/a.md"), "one");
  EXPECT_EQ(seen(reader(), "/greet/b.md"), "[not_found]");
  const Node head = store().attributes(call(), skills_, "/greet/a.md", {})->value;
  auto draft = store().read(reader(), skills_, head.inode, head.version, 0, 10);
  ASSERT_FALSE(draft);
  EXPECT_EQ(draft.error().code, Code::not_found);
  auto current = store().read(reader(), skills_, head.inode, {}, 0, 10);
  ASSERT_TRUE(current) << current.error().message;
  EXPECT_EQ(current->value.bytes, "one");
  auto many = store().read_many(reader(), skills_, {{head.inode, head.version}, {head.inode, {}}});
  ASSERT_TRUE(many);
  EXPECT_FALSE(many->value[0]);
  ASSERT_TRUE(many->value[1]);
  EXPECT_EQ(many->value[1]->bytes, "one");
  auto page = store().list(reader(), skills_, "/greet", "", 0, {});
  ASSERT_TRUE(page);
  EXPECT_EQ(page->value.entries.size(), 1U);
  EXPECT_EQ(page->seq, first.seq);
  auto log = store().history(reader(), skills_, {});
  ASSERT_TRUE(log);
  EXPECT_EQ(log->value.front().seq, first.seq);
  EXPECT_EQ(store().versions(reader(), skills_, "/greet/a.md")->value.size(), 1U);
  EXPECT_EQ(store().describe(reader(), skills_)->head, first.seq);
  publish();
  EXPECT_EQ(seen(reader(), "/greet/a.md"), "two");
  EXPECT_EQ(seen(reader(), "/greet/b.md"), "new");
}

TEST_F(RevisionsTest, S33_ReadersSeeTheAttributesThatArePublished) {
  write("/a.md", "one");
  const Inode file = store().attributes(call(), skills_, "/a.md", {})->value.inode;
  const auto set = [&](std::string value) {
    const SetXattr op{file, "user.note", std::move(value)};
    ASSERT_TRUE(store().apply(call(), skills_, Batch{{}, 0, {Step{op, {}}}}));
  };
  const auto read = [&](const Call& by) {
    auto xattrs = store().xattrs(by, skills_, file);
    return xattrs ? xattrs->value["user.note"] : xattrs.error().message;
  };
  set("published");
  publish("first");
  set("a draft");
  EXPECT_EQ(read(reader()), "published");
  EXPECT_EQ(read(call()), "a draft");
  ReadAt first;
  first.revision = "first";
  auto named = store().xattrs(call(), skills_, file, first);
  ASSERT_TRUE(named) << named.error().message;
  EXPECT_EQ(named->value["user.note"], "published");
  ReadAt draft;
  draft.as_of = store().describe(call(), skills_)->head;
  EXPECT_FALSE(store().xattrs(reader(), skills_, file, draft));
  publish();
  EXPECT_EQ(read(reader()), "a draft");
}

TEST_F(RevisionsTest, S33_APublishReachesReadersAsOneItem) {
  write("/a.md", "one");
  const Seq before = publish().seq;
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = store().subscribe(reader(), skills_, before, queue);
  ASSERT_TRUE(subscription) << subscription.error().message;
  for (int i = 0; i < 40; ++i) write("/f" + std::to_string(i), "x");
  const Seq after = publish().seq;
  const Moment until = std::chrono::steady_clock::now() + kTestWait;
  for (;;) {
    const auto item = queue->next(until);
    ASSERT_TRUE(item && !item->end);
    if (item->changes.empty()) {  // a mark: it may not tell of drafts
      EXPECT_TRUE(item->upto == before || item->upto == after);
      continue;
    }
    EXPECT_EQ(item->changes.front().seq.value, before.value + 1);
    EXPECT_EQ(item->upto, after);
    break;
  }
}

// [S6] A reader's barrier waits for the publish, also when another server makes it.
TEST_F(RevisionsTest, ABarrierWaitsForThePublish) {
  const auto other = open();
  const Seq made = write("/a.md", "one");
  EXPECT_EQ(seen(reader(), "/a.md"), "[not_found]");
  ASSERT_TRUE(other->revisions().publish(call(), skills_, 0, {}));
  EXPECT_EQ(seen(reader(), "/a.md", ReadAt{made, {}, {}}), "one");
}

// [S39] The border of a reader's part is drawn by the names that readers see: a draft's rename
// moves nothing across it, and a publish does.
TEST_F(RevisionsTest, S33_ADraftsRenameMovesNoReadersBorder) {
  write("/team/a.md", "ours");
  write("/secret/x.md", "theirs");
  publish();
  Access access(store());
  Call guest = reader();
  guest.caller.organisation = store().describe(call(), skills_)->organisation;
  guest.caller.grants = {Grant{skills_, "/team", false}};
  const Inode ours = store().attributes(call(), skills_, "/team/a.md", {})->value.inode;
  const Inode theirs = store().attributes(call(), skills_, "/secret/x.md", {})->value.inode;
  const Inode secret = store().attributes(call(), skills_, "/secret", {})->value.inode;
  const auto told = [&](Inode inode) {
    auto read = access.read(guest, skills_, inode, {}, 0, kReadBytesMax);
    auto many = access.read_many(guest, skills_, {{inode, {}}});
    EXPECT_TRUE(many) << many.error().message;
    EXPECT_EQ(bool(read), bool(many->value.front()));
    return read ? read->value.bytes : "[" + std::string(name_of(read.error().code)) + "]";
  };
  const auto listed = [&](Inode directory) {
    auto page = access.list(guest, skills_, directory, "", 0, {});
    return page ? page->value.entries.size() : 0;
  };
  const auto rename = [&](const std::string& from, const std::string& to) {
    const auto [old_parent, old_name] = split_last(from);
    const auto [parent, name] = split_last(to);
    const Rename op{NameRef{std::string(old_parent), std::string(old_name)},
                    NameRef{std::string(parent), std::string(name)},
                    RenameMode::replace,
                    {}};
    auto applied = store().apply(call(), skills_, Batch{{}, 0, {Step{op, {}}}});
    EXPECT_TRUE(applied) << applied.error().message;
  };
  EXPECT_EQ(told(ours), "ours");
  EXPECT_EQ(told(theirs), "[not_found]");
  rename("/team/a.md", "/secret/a.md");
  rename("/secret", "/team/secret");
  EXPECT_EQ(told(ours), "ours") << "a draft took it out of the part";
  EXPECT_EQ(told(theirs), "[not_found]") << "a draft brought it into the part";
  EXPECT_EQ(listed(secret), 0U);
  EXPECT_FALSE(access.lookup(guest, skills_, NameRef{secret, "x.md"}, {}));
  EXPECT_FALSE(access.attributes(guest, skills_, secret, {}));
  publish();
  EXPECT_EQ(told(ours), "ours") << "it came back in with the tree";
  EXPECT_EQ(told(theirs), "theirs");
  EXPECT_EQ(listed(secret), 2U);
  rename("/team/secret", "/secret");
  EXPECT_EQ(told(theirs), "theirs");
  publish();
  EXPECT_EQ(told(theirs), "[not_found]");
}

// [S39, S47] A reader's search finds published texts within what it sees and was told to look at.
TEST_F(RevisionsTest, S33_AReadersSearchStaysWithinItsRoots) {
  write("/team/a.md", "needle one");
  write("/team/deep/b.md", "needle two");
  write("/teams/c.md", "needle three");
  write("/secret/x.md", "needle four");
  publish();
  write("/team/draft.md", "needle five");
  Access access(store());
  Call guest = reader();
  guest.caller.organisation = store().describe(call(), skills_)->organisation;
  const auto found = [&](const Call& by, std::vector<std::string> roots) {
    SearchQuery query;
    query.pattern = "needle";
    query.roots = std::move(roots);
    std::vector<std::string> paths;
    auto summary = access.search(by, skills_, query, [&](const SearchedFile& file) {
      paths.push_back(file.path);
      return true;
    });
    EXPECT_TRUE(summary) << summary.error().message;
    EXPECT_EQ(summary->files_read, paths.size()) << "others were looked at";
    return paths;
  };
  using Paths = std::vector<std::string>;
  EXPECT_EQ(found(guest, {"/team/deep", "/secret"}), (Paths{"/secret/x.md", "/team/deep/b.md"}));
  EXPECT_EQ(found(guest, {"/team", "/team/deep"}), (Paths{"/team/a.md", "/team/deep/b.md"}));
  EXPECT_EQ(found(guest, {}), Paths{});
  guest.caller.grants = {Grant{skills_, "/team", false}};
  EXPECT_EQ(found(guest, {"/"}), (Paths{"/team/a.md", "/team/deep/b.md"}));
  EXPECT_EQ(found(guest, {"/team/deep", "/secret"}), Paths{"/team/deep/b.md"});
  EXPECT_EQ(found(guest, {"/secret"}), Paths{});
}

TEST_F(RevisionsTest, S33_ASecondPairOfEyesIsNeededWhereItIsAskedFor) {
  VolumeSettings settings;
  settings.second_reviewer = true;
  skills_ = make(settings);
  write("/a.md", "one");
  auto alone = revisions().publish(editor("ada"), skills_, 0, {});
  ASSERT_FALSE(alone);
  EXPECT_EQ(alone.error().code, Code::conflict);
  auto submitted = revisions().submit(editor("ada"), skills_, {"on-call", "new"});
  ASSERT_TRUE(submitted) << submitted.error().message;
  EXPECT_EQ(submitted->state, RevisionState::in_review);
  EXPECT_EQ(submitted->author, "ada");
  EXPECT_FALSE(revisions().publish(editor("bob"), skills_, submitted->number, {}));
  auto own = revisions().review(editor("ada"), skills_, submitted->number, true, "");
  ASSERT_FALSE(own);
  EXPECT_EQ(own.error().code, Code::no_access);
  write("/a.md", "later");
  ASSERT_TRUE(revisions().review(editor("bob"), skills_, submitted->number, true, "good"));
  auto done = revisions().publish(editor("ada"), skills_, submitted->number, {});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->reviewer, "bob");
  EXPECT_EQ(seen(reader(), "/a.md"), "one") << "what was submitted, not what came later";
}

TEST_F(RevisionsTest, ThePointerNeverGoesBack) {
  write("/a.md", "one");
  const Revision first = publish();
  write("/a.md", "two");
  const Revision second = publish();
  auto back = revisions().publish(call(), skills_, first.number, {});
  ASSERT_FALSE(back);
  EXPECT_EQ(back.error().code, Code::conflict);
  EXPECT_EQ(seen(reader(), "/a.md"), "two");
  EXPECT_TRUE(revisions().publish(call(), skills_, second.number, {})) << "the same again";
  auto nothing = revisions().submit(call(), skills_, {});
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().code, Code::invalid);
}

TEST_F(RevisionsTest, ARejectedOneIsNotPublished) {
  write("/a.md", "one");
  auto submitted = revisions().submit(editor("ada"), skills_, {});
  ASSERT_TRUE(submitted);
  ASSERT_TRUE(revisions().review(editor("bob"), skills_, submitted->number, false, "no"));
  auto done = revisions().publish(editor("ada"), skills_, submitted->number, {});
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message.find("rejected by bob"), std::string::npos);
}

TEST_F(RevisionsTest, S33_ARevisionIsReadByItsNameOrNumber) {
  write("/a.md", "one");
  publish("spring");
  write("/a.md", "two");
  const Revision second = publish();
  EXPECT_EQ(seen(call(), "/a.md", ReadAt{{}, "spring", {}}), "one");
  EXPECT_EQ(seen(reader(), "/a.md", ReadAt{{}, "1", {}}), "one");
  EXPECT_EQ(seen(reader(), "/a.md", ReadAt{{}, std::to_string(second.number), {}}), "two");
  EXPECT_EQ(seen(call(), "/a.md", ReadAt{{}, "autumn", {}}), "[not_found]");
  write("/a.md", "three");
  ASSERT_TRUE(revisions().submit(call(), skills_, {"summer", ""}));
  EXPECT_EQ(seen(call(), "/a.md", ReadAt{{}, "summer", {}}), "three");
  EXPECT_EQ(seen(reader(), "/a.md", ReadAt{{}, "summer", {}}), "[not_found]");
}

TEST_F(RevisionsTest, S33_APinnedTokenSeesOneTreeForItsLife) {
  write("/a.md", "one");
  const Revision first = publish();
  write("/a.md", "two");
  publish();
  ASSERT_TRUE(admin().create_user(call(), "acme", "ada"));
  TokenRequest request;
  request.organisation = "acme";
  request.principal = "ada";
  request.grants = {{"acme/*", "/", true}};
  auto minted = admin().mint_token(call(), request);
  ASSERT_TRUE(minted) << minted.error().message;
  Call parent = call();
  parent.caller =
      *open()->tokens().read(minted->secret, parent.deadline);  // remembers nothing here
  auto child = admin().mint_token(parent, request);
  ASSERT_TRUE(child) << child.error().message;
  ASSERT_TRUE(revisions().pin(call(), skills_, minted->info.id, "1"));
  EXPECT_EQ(database_->tokens().read(child->secret, parent.deadline)->pins.size(), 1U)
      << "also what it had minted before";
  Call pinned = call();
  auto caller = database_->tokens().read(minted->secret, pinned.deadline);
  ASSERT_TRUE(caller);
  ASSERT_EQ(caller->pins.size(), 1U);
  pinned.caller = *caller;
  EXPECT_EQ(seen(pinned, "/a.md"), "one");
  EXPECT_TRUE(store().describe(pinned, skills_)->read_only);
  auto refused = store().apply(pinned, skills_, put("/a.md", "three"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::read_only);
  auto queue = std::make_shared<FeedQueue>();
  ASSERT_TRUE(store().subscribe(pinned, skills_, first.seq, queue));
  auto kept = connect()->run({"keep", "SELECT outboard.keep_from(" + to_string(skills_) + ")"}, {},
                             std::chrono::steady_clock::now() + kTestWait);
  ASSERT_TRUE(kept);
  EXPECT_EQ(kept->count(0, 0), first.seq.value);
}

TEST_F(RevisionsTest, OnlyReviewedVolumesHaveRevisions) {
  const VolumeId direct = volume("acme/direct");
  auto submitted = revisions().submit(call(), direct, {});
  ASSERT_FALSE(submitted);
  EXPECT_EQ(submitted.error().code, Code::unsupported);
  auto bad = revisions().submit(call(), skills_, {"7", ""});
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, Code::invalid);
}

// [S22] A revision with a broken skill is not submitted where skills are refused.
TEST_F(RevisionsTest, ABrokenSkillIsNotSubmitted) {
  write("/greet/SKILL.md", "no header");
  VolumeSettings settings = settings_of(*store().describe(call(), skills_));
  settings.skill_lint = Strictness::refuse;
  const std::string name = store().describe(call(), skills_)->name;
  ASSERT_TRUE(admin().change_volume(call(), name, settings));
  auto submitted = revisions().submit(call(), skills_, {});
  ASSERT_FALSE(submitted);
  EXPECT_EQ(submitted.error().code, Code::invalid);
  EXPECT_EQ(submitted.error().subject, "/greet/SKILL.md");
}

// A reader that follows a direct volume is cut when it turns reviewed, and asks again.
TEST_F(RevisionsTest, TurningReviewedCutsItsReaders) {
  const VolumeId direct = volume("acme/direct");
  ASSERT_TRUE(store().apply(call(), direct, put("/a", "1")));
  auto queue = std::make_shared<FeedQueue>();
  auto subscription = store().subscribe(reader(), direct, {}, queue);
  ASSERT_TRUE(subscription);
  VolumeSettings settings;
  settings.mode = VolumeMode::reviewed;
  auto changed = admin().change_volume(call(), "acme/direct", settings);
  ASSERT_TRUE(changed);
  EXPECT_EQ(changed->published, Seq{1});
  const Moment until = std::chrono::steady_clock::now() + kTestWait;
  std::uint64_t drafts = 0;
  for (bool ended = false; !ended;) {
    ASSERT_TRUE(store().apply(call(), direct, put("/a", std::to_string(++drafts))));
    const auto item = queue->next(until);
    ASSERT_TRUE(item);
    ended = item->end.has_value();
  }
  auto again = std::make_shared<FeedQueue>();
  ASSERT_TRUE(store().subscribe(reader(), direct, Seq{1}, again));
}

}  // namespace
}  // namespace outboard::server
