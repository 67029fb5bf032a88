#include "core/undo.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "core/memory_store.h"
#include "core/path.h"

namespace outboard {
namespace {

NameRef at(const std::string& path) {
  const auto [parent, name] = split_last(path);
  return NameRef{std::string(parent), std::string(name)};
}

class Undo : public testing::Test {
 protected:
  Undo() : volume(store.add_volume("acme/memory")) {}

  // What a session, or (nil) a person, does.
  void act(Op op, SessionId session = {}, OpId call_id = {}) {
    Call as = internal_call(Moment::max());
    as.caller.principal = session ? "agent" : "ada";
    as.caller.session = session;
    as.caller.op = call_id;
    Batch batch;
    batch.steps.push_back(Step{std::move(op), {}});
    auto applied = store.apply(as, volume, batch);
    ASSERT_TRUE(applied) << applied.error().message;
    clock.advance(std::chrono::seconds(1));
  }
  void put(const std::string& path, std::string bytes, SessionId session = {}, OpId call_id = {}) {
    Publish op;
    op.at = at(path);
    op.bytes = std::move(bytes);
    op.parents = true;
    act(std::move(op), session, call_id);
  }
  static Rename move(const std::string& from, const std::string& to) {
    return Rename{at(from), at(to), RenameMode::replace, {}};
  }

  // Every path with its content or kind.
  std::map<std::string, std::string> tree() {
    std::map<Inode, std::string> paths;
    std::map<std::string, std::string> found;
    auto seq = store.snapshot(call(), volume, {}, [&](SnapshotPart part) {
      for (const Entry& entry : part.entries) {
        const std::string path =
            entry.dentry.parent ? join(paths[entry.dentry.parent], entry.dentry.name) : "/";
        if (entry.node.is(Kind::directory)) paths[entry.node.inode] = path;
        std::string bytes = "directory";
        if (entry.node.is(Kind::file)) {
          bytes = store.read(call(), volume, entry.node.inode, {}, 0, 1000)->value.bytes;
        }
        found[path] = bytes;
      }
    });
    EXPECT_TRUE(seq);
    return found;
  }

  UndoPlan planned(const UndoQuery& query) {
    auto plan = plan_undo(store, call, volume, query);
    EXPECT_TRUE(plan) << plan.error().message;
    return plan ? *std::move(plan) : UndoPlan{};
  }
  UndoPlan undo(const UndoQuery& query) {
    UndoPlan plan = planned(query);
    Batch batch;
    for (const UndoStep& step : plan.steps) batch.steps.push_back(step.step);
    if (batch.steps.empty()) return plan;
    auto applied = store.apply(call(), volume, batch);
    EXPECT_TRUE(applied) << plan.steps[applied.error().step].path << ": "
                         << applied.error().message;
    return plan;
  }
  Seq head() { return store.describe(call(), volume)->head; }
  UndoQuery to(Seq seq) {
    UndoQuery query;
    query.as_of = seq;
    return query;
  }

  ManualClock clock;
  MemoryStore store{clock};
  VolumeId volume;
  std::function<Call()> call = [] { return internal_call(Moment::max()); };
};

// [S29] Whatever happened since, a volume can be made again what it was.
TEST_F(Undo, S29_AVolumeGoesBackToASeq) {
  put("/kept", "same");
  put("/changed", "before");
  put("/removed", "here");
  put("/moved", "along");
  put("/tree/deep/leaf", "leaf");
  put("/over", "covered");
  put("/left", "L");
  put("/right", "R");
  const auto before = tree();
  const Seq then = head();
  put("/changed", "after");
  act(Unlink{at("/removed")});
  act(MakeDirectory{at("/elsewhere")});
  act(move("/moved", "/elsewhere/moved"));
  act(RemoveDirectory{at("/tree"), true});
  put("/tree", "a file where a tree was");
  put("/new/deep/file", "new");
  act(move("/new/deep/file", "/over"));
  act(Rename{at("/left"), at("/right"), RenameMode::exchange, {}});
  SetAttributes set;
  set.node = NodeRef{"/kept"};
  set.mode = 0600;
  act(set);
  ASSERT_NE(tree(), before);
  const auto changed = tree();
  const Seq later = head();
  EXPECT_TRUE(undo(to(then)).conflicts.empty());
  EXPECT_EQ(tree(), before);
  EXPECT_EQ(store.attributes(call(), volume, "/kept", {})->value.attributes.mode, 0644U);
  EXPECT_TRUE(planned(to(then)).steps.empty()) << "it is as it was";
  // And forth again: a restore is a change as any other.
  undo(to(later));
  EXPECT_EQ(tree(), changed);
}

// [S29] A subtree goes back alone.
TEST_F(Undo, S29_ASubtreeGoesBackAlone) {
  put("/a/one", "1");
  put("/b/two", "2");
  const Seq then = head();
  put("/a/one", "11");
  put("/b/two", "22");
  act(RemoveDirectory{at("/a"), true});
  UndoQuery query = to(then);
  query.path = "/a";
  undo(query);
  EXPECT_EQ(tree(), (std::map<std::string, std::string>{{"/", "directory"},
                                                        {"/a", "directory"},
                                                        {"/a/one", "1"},
                                                        {"/b", "directory"},
                                                        {"/b/two", "22"}}));
  query.path = "/never";
  EXPECT_EQ(plan_undo(store, call, volume, query).error().code, Code::not_found);
}

// [S29] All that a session wrote is undone; what others wrote on top is left alone, and said.
TEST_F(Undo, S29_ASessionIsUndoneAndOthersAreLeftAlone) {
  const SessionId session{random_uuid()};
  put("/mine", "before");
  put("/shared", "before");
  put("/gone", "before");
  const auto before = tree();
  put("/mine", "by the session", session);
  put("/shared", "by the session", session);
  put("/made/by/session", "new", session);
  act(Unlink{at("/gone")}, session);
  put("/ours", "by the session", session);
  put("/shared", "by ada");
  put("/made/by/ada", "new too");
  UndoQuery query;
  query.session = session;
  const UndoPlan plan = undo(query);
  std::vector<std::string> left;
  for (const UndoConflict& one : plan.conflicts) left.push_back(one.path);
  EXPECT_EQ(left, (std::vector<std::string>{"/shared", "/made/by", "/made"}));
  auto expected = before;
  expected["/shared"] = "by ada";
  expected["/made"] = expected["/made/by"] = "directory";
  expected["/made/by/ada"] = "new too";
  EXPECT_EQ(tree(), expected);
  query.force = true;
  undo(query);
  expected["/shared"] = "before";
  EXPECT_EQ(tree(), expected);
}

// [S29] One tool call is undone by itself.
TEST_F(Undo, S29_OneToolCallIsUndone) {
  const SessionId session{random_uuid()};
  const OpId first{random_uuid()};
  const OpId second{random_uuid()};
  put("/a", "0", session, first);
  put("/b", "0", session, first);
  put("/b", "1", session, second);
  put("/c", "1", session, second);
  UndoQuery query;
  query.op = second;
  undo(query);
  EXPECT_EQ(tree(),
            (std::map<std::string, std::string>{{"/", "directory"}, {"/a", "0"}, {"/b", "0"}}));
}

// [S29] Extended attributes go back, of what was removed too, however near to the limit.
TEST_F(Undo, S29_ExtendedAttributesGoBack) {
  put("/f", "1");
  put("/gone", "2");
  const auto set = [&](const std::string& path, const std::string& name, std::string value) {
    act(SetXattr{NodeRef{path}, name, std::move(value)});
  };
  const auto all = [&](Inode inode) { return store.xattrs(call(), volume, inode, {})->value; };
  const Inode file = store.attributes(call(), volume, "/f", {})->value.inode;
  const Inode gone = store.attributes(call(), volume, "/gone", {})->value.inode;
  for (const char* name : {"user.1", "user.2", "user.3"}) {
    set("/f", name, std::string(kXattrValueBytesMax, name[5]));
  }
  set("/f", "user.left", "as it is");
  set("/gone", "user.note", "before");
  const Xattrs before = all(file);
  const Seq then = head();
  act(RemoveXattr{NodeRef{"/f"}, "user.1"});
  set("/f", "user.2", "small");
  for (const char* name : {"user.4", "user.5"}) {
    set("/f", name, std::string(kXattrValueBytesMax, name[5]));
  }
  set("/gone", "user.note", "after");
  act(Unlink{at("/gone")});
  const Xattrs after = all(file);
  const Seq later = head();
  EXPECT_TRUE(undo(to(then)).conflicts.empty());
  EXPECT_EQ(all(file), before);
  EXPECT_EQ(all(gone), (Xattrs{{"user.note", "before"}}));
  EXPECT_TRUE(planned(to(then)).steps.empty()) << "it is as it was";
  undo(to(later));
  EXPECT_EQ(all(file), after);
}

// [S29] A session's attributes are undone; what they were is not invented when it was purged.
TEST_F(Undo, S29_ExtendedAttributesOfASessionAreUndone) {
  put("/f", "1");
  put("/purged", "2");
  const SessionId session{random_uuid()};
  for (const char* path : {"/f", "/purged"}) act(SetXattr{NodeRef{path}, "user.a", "before"});
  for (const char* path : {"/f", "/purged"}) {
    act(SetXattr{NodeRef{path}, "user.a", "by the session"}, session);
    act(SetXattr{NodeRef{path}, "user.b", "by the session"}, session);
  }
  const Inode file = store.attributes(call(), volume, "/f", {})->value.inode;
  const Inode purged = store.attributes(call(), volume, "/purged", {})->value.inode;
  act(Redact{purged, {}});
  UndoQuery query;
  query.session = session;
  query.force = true;
  const UndoPlan plan = undo(query);
  EXPECT_EQ(store.xattrs(call(), volume, file, {})->value, (Xattrs{{"user.a", "before"}}));
  EXPECT_EQ(store.xattrs(call(), volume, purged, {})->value.at("user.a"), "by the session");
  ASSERT_EQ(plan.conflicts.size(), 1U);
  EXPECT_EQ(plan.conflicts[0].path, "/purged");
}

// [S29] A removed node stands with what it was when it went; the mode that was changed before that
// goes back, too.
TEST_F(Undo, S29_ModesThatWereChangedBeforeARemovalGoBack) {
  const SessionId session{random_uuid()};
  const auto change_mode = [&](const std::string& path, std::uint32_t mode) {
    SetAttributes op;
    op.node = path;
    op.mode = mode;
    op.uid = 7;
    act(op, session);
  };
  put("/gone", "1");
  put("/over", "2");
  put("/tree/leaf", "3");
  put("/same", "4");
  const std::vector<std::string> paths{"/gone", "/over", "/tree", "/tree/leaf", "/same"};
  std::map<std::string, Attributes> before;
  for (const auto& path : paths) {
    before[path] = store.attributes(call(), volume, path, {})->value.attributes;
  }
  const Seq then = head();
  UndoQuery by_session;
  by_session.session = session;
  for (const UndoQuery& query : {by_session, to(then)}) {
    for (const std::string path : {"/gone", "/over", "/tree", "/tree/leaf"}) {
      change_mode(path, 0700);
      change_mode(path, 0711);
    }
    act(Unlink{at("/gone")}, session);
    put("/new", "5", session);
    act(move("/new", "/over"), session);
    act(RemoveDirectory{at("/tree"), true}, session);
    act(Unlink{at("/same")}, session);
    const UndoPlan plan = undo(query);
    EXPECT_TRUE(plan.conflicts.empty());
    for (const auto& path : paths) {
      auto now = store.attributes(call(), volume, path, {});
      ASSERT_TRUE(now) << path;
      EXPECT_EQ(now->value.attributes.mode, before[path].mode) << path;
      EXPECT_EQ(now->value.attributes.uid, before[path].uid) << path;
    }
    // What went as it was is only brought back.
    const auto steps_of = [&](const std::string& path) {
      return std::count_if(plan.steps.begin(), plan.steps.end(),
                           [&](const UndoStep& step) { return step.path == path; });
    };
    EXPECT_EQ(steps_of("/same"), 1);
    EXPECT_EQ(steps_of("/gone"), 2);
  }
}

// [S29] A plan is refused whole when something changed under it.
TEST_F(Undo, S29_APlanThatIsOutOfDateIsRefusedWhole) {
  put("/a", "1");
  put("/b", "1");
  const Seq then = head();
  put("/a", "2");
  put("/b", "2");
  const UndoPlan plan = planned(to(then));
  put("/b", "3");
  Batch batch;
  for (const UndoStep& step : plan.steps) batch.steps.push_back(step.step);
  auto applied = store.apply(call(), volume, batch);
  ASSERT_FALSE(applied);
  EXPECT_EQ(applied.error().code, Code::conflict);
  EXPECT_EQ(tree()["/a"], "2");
}

TEST_F(Undo, ATimeIsFoundInTheLog) {
  std::vector<std::pair<Seq, Timestamp>> points{{Seq{0}, clock.wall()}};
  for (int i = 0; i < 9; ++i) {
    put("/f", std::to_string(i));
    points.emplace_back(head(), clock.wall());
  }
  for (const auto& [seq, time] : points) {
    // The clock went on after each change: its own time is before `time`.
    auto found = seq_at(store, call, volume, Timestamp{time.nanoseconds - 1});
    ASSERT_TRUE(found);
    EXPECT_EQ(*found, seq);
  }
}

}  // namespace
}  // namespace outboard
