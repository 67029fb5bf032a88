// What somebody sees and may do who has grants for parts of a volume only. [S18] [S39] [S40]
#include <map>

#include "tests/conformance/part_suite.h"

namespace outboard::tests {
namespace {

constexpr std::string_view kSecret = "secret";

// No word of an answer tells that something hidden is there.
template <class T>
void expect_absent(const Result<T>& answer, const Error& of_nothing, const std::string& asked,
                   const std::string& nothing) {
  ASSERT_FALSE(answer) << asked;
  EXPECT_EQ(answer.error().code, of_nothing.code) << asked;
  std::string words = answer.error().message;
  for (auto at = words.find(asked); at != std::string::npos; at = words.find(asked)) {
    words.replace(at, asked.size(), nothing);
  }
  EXPECT_EQ(words, of_nothing.message);
  EXPECT_EQ(answer.error().current_version, 0U);
}

}  // namespace

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PartSuite);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(PartFeedSuite);

TEST_P(PartSuite, S18_HiddenNamesAnswerAsAbsentOnes) {
  const Guest who = guest("/team", true);
  const Inode hidden = inode("/secret/x");
  const Inode nobody{999'999'999};
  const auto store = who.store;
  expect_absent(store->lookup(who.call, volume_, at("/secret")),
                store->lookup(who.call, volume_, at("/nothing")).error(), "secret", "nothing");
  expect_absent(store->lookup(who.call, volume_, NameRef{kRootInode, "secret"}),
                store->lookup(who.call, volume_, NameRef{kRootInode, "nothing"}).error(), "secret",
                "nothing");
  expect_absent(store->lookup(who.call, volume_, at("/secret/x/y")),
                store->lookup(who.call, volume_, at("/nothing/x/y")).error(), "secret", "nothing");
  const std::string number = to_string(hidden);
  const std::string none = to_string(nobody);
  expect_absent(store->attributes(who.call, volume_, hidden),
                store->attributes(who.call, volume_, nobody).error(), number, none);
  expect_absent(store->read(who.call, volume_, hidden, {}, 0, 10),
                store->read(who.call, volume_, nobody, {}, 0, 10).error(), number, none);
  expect_absent(store->list(who.call, volume_, inode("/secret"), "", 0),
                store->list(who.call, volume_, nobody, "", 0).error(), to_string(inode("/secret")),
                none);
  expect_absent(store->xattrs(who.call, volume_, hidden),
                store->xattrs(who.call, volume_, nobody).error(), number, none);
  ReadAt then;
  then.as_of = store->describe(who.call, volume_)->head;
  expect_absent(store->xattrs(who.call, volume_, hidden, then),
                store->xattrs(who.call, volume_, nobody, then).error(), number, none);
  EXPECT_TRUE(store->xattrs(who.call, volume_, inode("/team/a"), then));
  expect_absent(store->versions(who.call, volume_, hidden),
                store->versions(who.call, volume_, nobody).error(), number, none);
  HistoryQuery of;
  of.node = NodeRef{hidden};
  HistoryQuery of_nobody;
  of_nobody.node = NodeRef{nobody};
  expect_absent(store->history(who.call, volume_, of),
                store->history(who.call, volume_, of_nobody).error(), number, none);
  const auto many = store->read_many(who.call, volume_, {{hidden, {}}, {inode("/team/a"), {}}});
  ASSERT_TRUE(many);
  EXPECT_EQ(many->value[0].error().code, Code::not_found);
  EXPECT_EQ(many->value[1]->bytes, "ours");
}

TEST_P(PartSuite, S18_HiddenNamesCannotBeFoundByWritingEither) {
  const Guest who = guest("/team", true);
  const auto tell = [&](const std::string& there, const std::string& not_there) {
    const auto pair = [&](auto op_of) {
      const auto nothing = apply_as(who, op_of(not_there));
      ASSERT_FALSE(nothing);
      EXPECT_EQ(nothing.error().code, Code::not_found);
      expect_absent(apply_as(who, op_of(there)), nothing.error(), there, not_there);
    };
    pair([&](const std::string& path) -> Op { return CreateFile{at(path)}; });
    pair([&](const std::string& path) -> Op { return MakeDirectory{at(path)}; });
    pair([&](const std::string& path) -> Op { return Unlink{at(path)}; });
    pair([&](const std::string& path) -> Op { return Append{NodeRef{path}, "!"}; });
    pair([&](const std::string& path) -> Op { return move(path, "/team/z"); });
    pair([&](const std::string& path) -> Op { return move("/team/a", path); });
    pair([&](const std::string& path) -> Op { return MakeLink{NodeRef{path}, at("/team/z")}; });
    pair([&](const std::string& path) -> Op { return SetXattr{NodeRef{path}, "user.a", "1"}; });
  };
  tell("/secret/x", "/secret/q");
  tell("/secret", "/nothing");
  tell("/secret/x/y", "/nothing/x/y");
  Append by_number{NodeRef{inode("/secret/x")}, "!"};
  Append of_nobody{NodeRef{Inode{999'999'999}}, "!"};
  expect_absent(apply_as(who, by_number), apply_as(who, of_nobody).error(),
                to_string(inode("/secret/x")), "999999999");
}

TEST_P(PartSuite, S18_OnTheWayThereIsOnlyTheWay) {
  mkdir("/team/other");
  const Guest who = guest("/team/deep", false);
  EXPECT_EQ(names_as(who, NodeRef{"/"}), std::vector<std::string>{"team"});
  EXPECT_EQ(names_as(who, NodeRef{kRootInode}), std::vector<std::string>{"team"});
  EXPECT_EQ(names_as(who, NodeRef{"/team"}), std::vector<std::string>{"deep"});
  EXPECT_EQ(names_as(who, NodeRef{inode("/team/deep")}), std::vector<std::string>{"b"});
  const auto team = who.store->attributes(who.call, volume_, NodeRef{"/team"});
  ASSERT_TRUE(team);
  EXPECT_EQ(team->value.attributes.links, 2U);  // not how many directories are hidden in it
  EXPECT_EQ(team->value.attributes.modified, Timestamp{});
  EXPECT_FALSE(who.store->lookup(who.call, volume_, at("/team/a")));
  EXPECT_EQ(code_of(apply_as(who, MakeDirectory{at("/team")})), Code::read_only);
  // A file there is none of his business.
  done(RemoveDirectory{at("/team"), true});
  put("/team", "a file");
  EXPECT_EQ(who.store->lookup(who.call, volume_, at("/team")).error().code, Code::not_found);
  EXPECT_EQ(who.store->lookup(who.call, volume_, at("/team/deep")).error().code, Code::not_found);
  EXPECT_TRUE(names_as(who, NodeRef{"/"}).empty());
}

TEST_P(PartSuite, S39_WhatIsOnlyReadableIsReadOnly) {
  const Guest who =
      fixture_->guest({Grant{volume_, "/team", false}, Grant{volume_, "/team/deep", true}});
  EXPECT_EQ(code_of(apply_as(who, Append{NodeRef{"/team/a"}, "!"})), Code::read_only);
  EXPECT_EQ(code_of(apply_as(who, Append{NodeRef{inode("/team/a")}, "!"})), Code::read_only);
  EXPECT_EQ(code_of(apply_as(who, CreateFile{at("/team/new")})), Code::read_only);
  EXPECT_EQ(code_of(apply_as(who, move("/team/a", "/team/deep/a"))), Code::read_only);
  EXPECT_EQ(code_of(apply_as(who, move("/team/deep/b", "/team/b"))), Code::read_only);
  EXPECT_EQ(code_of(apply_as(who, RemoveDirectory{at("/team"), true})), Code::read_only);
  // A name in what one may write is not a way to write what one may only read.
  EXPECT_EQ(code_of(apply_as(who, MakeLink{NodeRef{"/team/a"}, at("/team/deep/a")})),
            Code::read_only);
  EXPECT_TRUE(apply_as(who, Append{NodeRef{inode("/team/deep/b")}, "!"}));
  EXPECT_TRUE(apply_as(who, move("/team/deep/b", "/team/deep/c")));
  EXPECT_EQ(content("/team/deep/c"), "ours too!");
}

TEST_P(PartSuite, S39_TreesDoNotCrossTheBorder) {
  const Guest who = guest("/team", true);
  EXPECT_EQ(code_of(apply_as(who, move("/team/deep", "/secret/deep2"))), Code::not_found);
  EXPECT_EQ(code_of(apply_as(who, move("/secret/deep", "/team/deep2"))), Code::not_found);
  Rename exchange = move("/team/deep", "/secret/deep");
  exchange.mode = RenameMode::exchange;
  EXPECT_EQ(code_of(apply_as(who, exchange)), Code::not_found);
  EXPECT_TRUE(apply_as(who, move("/team/deep", "/team/deeper")));
}

// [S39] The paths that count are those of the moment: what a rename has taken away is gone.
TEST_P(PartSuite, S39_APrefixMeansWhatStandsThereNow) {
  const Guest who = guest("/team", true);
  const Inode file = inode("/team/a");
  ASSERT_TRUE(who.store->attributes(who.call, volume_, file));
  done(move("/team", "/former"));
  EXPECT_EQ(who.store->attributes(who.call, volume_, file).error().code, Code::not_found);
  EXPECT_EQ(code_of(apply_as(who, Append{NodeRef{file}, "!"})), Code::not_found);
  done(move("/secret", "/team"));
  EXPECT_TRUE(who.store->lookup(who.call, volume_, at("/team/x")));
  // Within one batch too: the second step is judged by what the first has made.
  const auto both = who.store->apply(
      who.call, volume_,
      Batch{{},
            0,
            {Step{move("/team/x", "/team/y"), {}}, Step{Append{NodeRef{"/team/y"}, "!"}, {}}}});
  ASSERT_TRUE(both);
  EXPECT_EQ(content("/team/y"), "theirs!");
}

TEST_P(PartSuite, S39_ARefusedStepUndoesTheBatch) {
  const Guest who = guest("/team", true);
  const auto both = who.store->apply(
      who.call, volume_,
      Batch{{},
            0,
            {Step{Append{NodeRef{"/team/a"}, "!"}, {}}, Step{CreateFile{at("/secret/y")}, {}}}});
  ASSERT_FALSE(both);
  EXPECT_EQ(both.error().step, 1U);
  EXPECT_EQ(content("/team/a"), "ours");
}

TEST_P(PartSuite, S39_OneNameInViewShowsTheNode) {
  done(MakeLink{NodeRef{"/secret/x"}, at("/team/x")});
  const Guest reader = guest("/team", false);
  const auto read = reader.store->read(reader.call, volume_, inode("/secret/x"), {}, 0, 100);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->value.bytes, "theirs");
  EXPECT_TRUE(apply_as(guest("/team", true), Append{NodeRef{inode("/secret/x")}, "!"}));
  done(Unlink{at("/team/x")});
  EXPECT_FALSE(reader.store->read(reader.call, volume_, inode("/secret/x"), {}, 0, 100));
}

TEST_P(PartSuite, S39_MissingDirectoriesOnTheWayAreNotMade) {
  const Guest who = guest("/new/dir", true);
  Publish publish;
  publish.at = at("/new/dir/f");
  publish.bytes = "x";
  publish.parents = true;
  EXPECT_EQ(code_of(apply_as(who, publish)), Code::read_only);
  mkdir("/new");
  EXPECT_TRUE(apply_as(who, publish));
  EXPECT_EQ(content("/new/dir/f"), "x");
}

TEST_P(PartSuite, S39_ASnapshotHoldsThePartAndTheWayToIt) {
  mkdir("/team/other");
  put("/team/other/y", "y");
  const Guest who =
      fixture_->guest({Grant{volume_, "/team/deep", false}, Grant{volume_, "/secret/x", false}});
  std::map<std::string, std::string> found;  // name → body
  std::map<ContentKey, std::string> bodies;
  std::vector<Entry> entries;
  const auto seq = who.store->snapshot(who.call, volume_, {}, [&](SnapshotPart part) {
    for (Entry& entry : part.entries) entries.push_back(std::move(entry));
    for (auto& [key, bytes] : part.bodies) bodies.emplace(key, std::move(bytes));
  });
  ASSERT_TRUE(seq);
  EXPECT_EQ(*seq, head());
  for (const Entry& entry : entries) {
    const auto body = bodies.find({entry.node.inode, entry.node.version});
    found[entry.dentry.name] = body == bodies.end() ? "" : body->second;
  }
  EXPECT_EQ(found, (std::map<std::string, std::string>{{"", ""},
                                                       {"team", ""},
                                                       {"deep", ""},
                                                       {"b", "ours too"},
                                                       {std::string(kSecret), ""},
                                                       {"x", "theirs"}}));
  EXPECT_EQ(entries.size(), 6U);
}

TEST_P(PartSuite, S39_HistoryTellsWhatHappenedInView) {
  put("/team/a", "again");
  put("/secret/x", "again");
  const Guest who = guest("/team", false);
  HistoryQuery newest;
  newest.limit = 2;
  const auto log = who.store->history(who.call, volume_, newest);
  ASSERT_TRUE(log);
  ASSERT_EQ(log->value.size(), 2U);
  EXPECT_EQ(log->value[0].path, "/team/a");
  EXPECT_EQ(log->value[0].kind, ChangeKind::write);
  const auto all = who.store->history(who.call, volume_, {});
  ASSERT_TRUE(all);
  for (const Change& change : all->value) {
    EXPECT_EQ(change.path.find(kSecret), std::string::npos) << change.path;
  }
}

// ── Following ────────────────────────────────────────────────────────────────────────────────────

TEST_P(PartFeedSuite, S40_HiddenChangesAreMarksAndNoGap) {
  const Guest who = guest("/team", false);
  const auto seen = seen_as(who, [&] {
    put("/secret/x", "1");
    put("/team/a", "1");
    EXPECT_TRUE(apply(
        {Step{Append{NodeRef{"/secret/x"}, "2"}, {}}, Step{Append{NodeRef{"/team/a"}, "2"}, {}},
         Step{Append{NodeRef{"/team/a"}, "3"}, {}}, Step{Append{NodeRef{"/top"}, "4"}, {}}}));
    put("/top", "1");
  });
  ASSERT_EQ(seen.size(), 3U);
  for (const Change& change : seen) EXPECT_EQ(change.path, "/team/a");
  EXPECT_FALSE(ended_);
}

TEST_P(PartFeedSuite, S40_WhatMovesIntoViewIsMadeAndWhatMovesOutIsRemoved) {
  const Guest who = guest("/team", false);
  const Inode file = inode("/secret/x");
  auto seen = seen_as(who, [&] { done(move("/secret/x", "/team/x")); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, ChangeKind::create);
  EXPECT_FALSE(seen[0].before);
  EXPECT_EQ(seen[0].after->name, "x");
  EXPECT_EQ(seen[0].node.inode, file);
  seen = seen_as(who, [&] { done(move("/team/x", "/secret/hush")); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, ChangeKind::unlink);
  EXPECT_FALSE(seen[0].after);
  EXPECT_EQ(seen[0].path, "/team/x");
  EXPECT_TRUE(seen[0].node.removed());
  seen = seen_as(who, [&] { done(move("/team/a", "/team/deep/a")); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, ChangeKind::rename);
  EXPECT_FALSE(ended_);
}

// A tree that comes or goes would be many changes with one seq: the follower loads it anew.
TEST_P(PartFeedSuite, S40_ATreeThatCrossesTheBorderIsLoadedAnew) {
  const Guest who = guest("/team", false);
  EXPECT_TRUE(seen_as(who, [&] { done(move("/secret/deep", "/team/deep2")); }).empty());
  EXPECT_EQ(ended_, FeedEnd::history_gone);
  ended_.reset();
  EXPECT_TRUE(seen_as(who, [&] { done(move("/team/deep", "/secret/deep")); }).empty());
  EXPECT_EQ(ended_, FeedEnd::history_gone);
  ended_.reset();
  // The way itself moves: all of the view goes.
  const Guest deep = guest("/team/deep2", false);
  EXPECT_TRUE(seen_as(deep, [&] { done(move("/team", "/squad")); }).empty());
  EXPECT_EQ(ended_, FeedEnd::history_gone);
}

TEST_P(PartFeedSuite, S40_AHardLinkIsFollowedByItsVisibleName) {
  const Guest who = guest("/team", false);
  done(MakeLink{NodeRef{"/secret/x"}, at("/team/x")});
  auto seen = seen_as(who, [&] { done(Append{NodeRef{"/secret/x"}, "!"}); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, ChangeKind::append);
  EXPECT_EQ(seen[0].path, "/team/x");
  seen = seen_as(who, [&] { done(MakeLink{NodeRef{"/team/x"}, at("/secret/z")}); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].kind, ChangeKind::attributes);
  EXPECT_FALSE(seen[0].after);
  seen = seen_as(who, [&] { done(Unlink{at("/team/x")}); });
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_TRUE(seen[0].node.removed());
  EXPECT_TRUE(seen_as(who, [&] { done(Append{NodeRef{"/secret/x"}, "?"}); }).empty());
  EXPECT_FALSE(ended_);
}

}  // namespace outboard::tests
