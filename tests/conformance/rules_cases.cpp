// What a batch promises: policies, preconditions, atomicity, retries, quotas, attributes.
#include "core/ids.h"
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

Write stale_write(const Node& file, Version base, std::string bytes) {
  Write write;
  write.node = file.inode;
  write.base = base;
  write.extents.push_back(Extent{0, std::move(bytes)});
  return write;
}

Precondition at_version(std::uint64_t version) {
  Precondition when;
  when.version = Version{version};
  return when;
}

Precondition with_digest(std::string_view bytes) {
  Precondition when;
  when.digest = sha256(bytes);
  return when;
}

Precondition if_absent() {
  Precondition when;
  when.absent = true;
  return when;
}

TEST_P(StoreSuite, S4_LastWriterWinsOnItsOwnBaseAndIsFlagged) {
  const Node file = put("/f", "0123456789");
  put("/f", "other");
  const Outcome late = done(stale_write(file, Version{1}, "AB"));
  EXPECT_TRUE(late.conflict);
  EXPECT_EQ(content("/f"), "AB23456789");
  EXPECT_EQ(content(file.inode, Version{2}), "other");
  EXPECT_TRUE(log().back().conflict);
  auto kept = store().versions(call(), volume_, NodeRef{"/f"});
  ASSERT_TRUE(kept);
  ASSERT_EQ(kept->value.size(), 3U);
  EXPECT_TRUE(kept->value[0].conflict);
  EXPECT_FALSE(kept->value[1].conflict);
}

TEST_P(StoreSuite, S4_ALateWriteToABigFileStandsOnItsBase) {
  const std::string first = pattern(3 * kChunkBytes, 1);
  const Node file = put("/f", first);
  put("/f", pattern(2 * kChunkBytes, 2));
  done(stale_write(file, Version{1}, "late"));
  EXPECT_TRUE(content("/f") == "late" + first.substr(4));
  EXPECT_TRUE(content(file.inode, Version{2}) == pattern(2 * kChunkBytes, 2));
}

TEST_P(StoreSuite, S4_RefuseAnswersWhatIsThere) {
  VolumeSettings settings;
  settings.policy = Policy::refuse;
  use_volume(settings);
  const Node file = put("/f", "one");
  put("/f", "two");
  auto stale = apply(stale_write(file, Version{1}, "X"));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().code, Code::conflict);
  EXPECT_EQ(stale.error().current_version, 2U);
  EXPECT_EQ(content("/f"), "two");
  EXPECT_FALSE(done(stale_write(file, Version{2}, "X")).conflict);
  done(Append{NodeRef{"/f"}, "!"});
  EXPECT_EQ(content("/f"), "Xwo!");
}

TEST_P(StoreSuite, S4_PublishSaysWhatItSaw) {
  Publish publish;
  publish.at = at("/f");
  publish.bytes = "mine";
  publish.base = Version{0};
  EXPECT_FALSE(done(publish).conflict);
  EXPECT_TRUE(done(publish).conflict);
  done(Unlink{at("/f")});
  publish.base = Version{2};
  const Outcome back = done(publish);
  EXPECT_TRUE(back.conflict);
  EXPECT_TRUE(back.created);
  EXPECT_TRUE(log().back().conflict);
}

TEST_P(StoreSuite, S4_ARenameOverAFileIsAPublish) {
  put("/f", "one");
  put("/f", "two");
  put("/tmp", "late");
  Rename rename = move("/tmp", "/f");
  rename.base = Version{1};
  EXPECT_TRUE(done(rename).conflict);
  EXPECT_EQ(content("/f"), "late");
  VolumeSettings settings;
  settings.policy = Policy::refuse;
  use_volume(settings);
  put("/f", "one");
  put("/tmp", "late");
  rename.base = Version{0};
  EXPECT_EQ(refused(rename), Code::conflict);
  rename.base = Version{1};
  EXPECT_FALSE(done(rename).conflict);
}

TEST_P(StoreSuite, S4_ABaseThatIsNotKeptIsRefused) {
  const Node file = put("/f", "one");
  put("/f", "two");
  if (!fixture_->forget(volume_, head())) GTEST_SKIP() << "this store forgets nothing yet";
  auto late = apply(stale_write(file, Version{1}, "X"));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::conflict);
  EXPECT_EQ(late.error().current_version, 2U);
  EXPECT_EQ(content("/f"), "two");
  Write whole = stale_write(file, Version{1}, "whole");
  whole.keep = 0;
  EXPECT_TRUE(done(whole).conflict);
  EXPECT_EQ(content("/f"), "whole");
}

TEST_P(StoreSuite, S19_AStepHappensOnlyIfItsPreconditionHolds) {
  put("/f", "one");
  EXPECT_EQ(refused(Append{NodeRef{"/f"}, "x"}, at_version(2)), Code::conflict);
  EXPECT_EQ(refused(Append{NodeRef{"/f"}, "x"}, with_digest("two")), Code::conflict);
  EXPECT_EQ(refused(CreateFile{at("/f")}, if_absent()), Code::conflict);
  EXPECT_EQ(refused(Unlink{at("/f")}, at_version(7)), Code::conflict);
  EXPECT_EQ(refused(Unlink{at("/none")}, at_version(1)), Code::conflict);
  EXPECT_EQ(content("/f"), "one");
  done(Append{NodeRef{"/f"}, "x"}, at_version(1));
  done(Append{NodeRef{"/f"}, "y"}, with_digest("onex"));
  done(CreateFile{at("/g")}, if_absent());
  done(SetAttributes{NodeRef{"/f"}, 0600, {}, {}, {}, {}}, at_version(3));
  EXPECT_EQ(content("/f"), "onexy");
  auto stale = apply(Append{NodeRef{"/f"}, "z"}, at_version(1));
  ASSERT_FALSE(stale);
  EXPECT_EQ(stale.error().current_version, 3U);
}

TEST_P(StoreSuite, S19_ADigestIsCheckedOnChunksToo) {
  std::string bytes = pattern(2 * kChunkBytes, 4);
  put("/f", bytes);
  done(Append{NodeRef{"/f"}, "tail"});
  bytes += "tail";
  EXPECT_EQ(refused(Append{NodeRef{"/f"}, "x"}, with_digest("something else")), Code::conflict);
  done(Append{NodeRef{"/f"}, "x"}, with_digest(bytes));
  EXPECT_TRUE(content("/f") == bytes + "x");
}

TEST_P(StoreSuite, S14_ABatchHappensWholeOrNotAtAll) {
  put("/f", "one");
  const Seq before = head();
  auto half = apply({Step{Append{NodeRef{"/f"}, " two"}, {}}, Step{MakeDirectory{at("/d")}, {}},
                     Step{Unlink{at("/none")}, {}}, Step{MakeDirectory{at("/e")}, {}}});
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, Code::not_found);
  EXPECT_EQ(half.error().step, 2U);
  EXPECT_EQ(content("/f"), "one");
  EXPECT_EQ(names("/"), std::vector<std::string>{"f"});
  EXPECT_EQ(head(), before);
  auto whole = apply({Step{MakeDirectory{at("/d")}, {}}, Step{CreateFile{at("/d/x")}, {}},
                      Step{Append{NodeRef{"/d/x"}, "hi"}, {}}, Step{move("/d/x", "/y"), {}}});
  ASSERT_TRUE(whole) << whole.error().message;
  EXPECT_EQ(whole->last.value - whole->first.value, 3U);
  EXPECT_EQ(whole->outcomes[1].node.attributes.size, 2U);
  EXPECT_EQ(content("/y"), "hi");
}

TEST_P(StoreSuite, S14_ABatchThatBreaksARuleIsRefusedAtOnce) {
  EXPECT_EQ(apply(std::vector<Step>{}).error().code, Code::invalid);
  EXPECT_EQ(refused(Append{NodeRef{"no slash"}, "x"}), Code::invalid);
  EXPECT_EQ(refused(Append{NodeRef{"/a//b"}, "x"}), Code::invalid);
  EXPECT_EQ(refused(Append{NodeRef{Inode{}}, "x"}), Code::invalid);
  EXPECT_EQ(refused(CreateFile{at("/f"), 010644}), Code::invalid);
}

TEST_P(StoreSuite, S8_ARetryIsAnsweredNotRepeated) {
  put("/f", "");
  Batch batch;
  batch.request = RequestId{ClientId{random_uuid()}, 1};
  batch.steps.push_back(Step{Append{NodeRef{"/f"}, "once"}, {}});
  auto first = store().apply(call(), volume_, batch);
  ASSERT_TRUE(first);
  EXPECT_FALSE(first->repeated);
  auto again = store().apply(call(), volume_, batch);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->repeated);
  EXPECT_EQ(again->first, first->first);
  EXPECT_EQ(again->last, first->last);
  EXPECT_EQ(again->outcomes, first->outcomes);
  EXPECT_EQ(content("/f"), "once");
  batch.request.client = ClientId{random_uuid()};
  ASSERT_TRUE(store().apply(call(), volume_, batch));
  EXPECT_EQ(content("/f"), "onceonce");
}

TEST_P(StoreSuite, S8_AcknowledgedNumbersAreForgotten) {
  put("/f", "");
  Batch batch;
  batch.request = RequestId{ClientId{random_uuid()}, 1};
  batch.steps.push_back(Step{Append{NodeRef{"/f"}, "a"}, {}});
  ASSERT_TRUE(store().apply(call(), volume_, batch));
  batch.request.number = 2;
  ASSERT_TRUE(store().apply(call(), volume_, batch));
  batch.request.number = 3;
  batch.acknowledged = 2;
  ASSERT_TRUE(store().apply(call(), volume_, batch));
  batch.request.number = 1;
  batch.acknowledged = 0;
  auto old = store().apply(call(), volume_, batch);
  ASSERT_FALSE(old);
  EXPECT_EQ(old.error().code, Code::invalid);
  EXPECT_EQ(content("/f"), "aaa");
}

TEST_P(StoreSuite, S8_ARefusedRequestMayBeTriedAgain) {
  Batch batch;
  batch.request = RequestId{ClientId{random_uuid()}, 1};
  batch.steps.push_back(Step{Append{NodeRef{"/f"}, "a"}, {}});
  ASSERT_FALSE(store().apply(call(), volume_, batch));
  put("/f", "");
  ASSERT_TRUE(store().apply(call(), volume_, batch));
  EXPECT_EQ(content("/f"), "a");
}

TEST_P(StoreSuite, S21_QuotasHoldExactlyAndGiveBack) {
  VolumeSettings settings;
  settings.quota_bytes = 100;
  settings.quota_nodes = 3;
  use_volume(settings);
  put("/a", std::string(60, 'a'));
  EXPECT_EQ(refused(Append{NodeRef{"/a"}, std::string(41, 'a')}), Code::no_space);
  done(Append{NodeRef{"/a"}, std::string(40, 'a')});
  EXPECT_EQ(refused(Append{NodeRef{"/a"}, "!"}), Code::no_space);
  done(CreateFile{at("/b")});
  done(CreateFile{at("/c")});
  auto full = apply({Step{CreateFile{at("/d")}, {}}, Step{Truncate{NodeRef{"/a"}, 1}, {}}});
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Code::no_space);
  EXPECT_EQ(full.error().step, 0U);
  EXPECT_EQ(node("/a")->attributes.size, 100U);
  ASSERT_TRUE(apply({Step{CreateFile{at("/d")}, {}}, Step{Unlink{at("/c")}, {}}}));
  auto volume = store().describe(call(), volume_);
  ASSERT_TRUE(volume);
  EXPECT_EQ(volume->used_bytes, 100U);
  EXPECT_EQ(volume->used_nodes, 3U);
}

TEST_P(StoreSuite, S10_AttributesChangeWithoutANewVersion) {
  const Node file = put("/f", "x");
  SetAttributes set;
  set.node = file.inode;
  set.mode = 04711;
  set.uid = 12;
  set.modified = Timestamp{123'456'789};
  const Node after = done(set).node;
  EXPECT_EQ(after.version, file.version);
  EXPECT_EQ(after.attributes.mode, 04711U);
  EXPECT_EQ(after.attributes.uid, 12U);
  EXPECT_EQ(after.attributes.gid, 0U);
  EXPECT_EQ(after.attributes.modified, Timestamp{123'456'789});
  EXPECT_EQ(after.attributes.changed, log().back().at);
  EXPECT_EQ(log().back().kind, ChangeKind::attributes);
  set = {};
  set.node = file.inode;
  EXPECT_EQ(done(set).seq, Seq{});
}

TEST_P(StoreSuite, S10_ExtendedAttributes) {
  const Node file = put("/f", "x");
  const auto set = [&](std::string name, std::string value,
                       XattrMode mode = XattrMode::create_or_replace) {
    return SetXattr{NodeRef{file.inode}, std::move(name), std::move(value), mode};
  };
  EXPECT_EQ(done(set("user.a", "1")).node.xattr_bytes, 7U);
  EXPECT_EQ(refused(set("user.a", "2", XattrMode::create)), Code::exists);
  EXPECT_EQ(refused(set("user.b", "2", XattrMode::replace)), Code::not_found);
  done(set("user.b", std::string("\0\xff", 2)));
  auto all = store().xattrs(call(), volume_, file.inode);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->value, (Xattrs{{"user.a", "1"}, {"user.b", std::string("\0\xff", 2)}}));
  done(RemoveXattr{NodeRef{"/f"}, "user.a"});
  EXPECT_EQ(refused(RemoveXattr{NodeRef{"/f"}, "user.a"}), Code::not_found);
  EXPECT_EQ(node("/f")->xattr_bytes, 8U);
  EXPECT_EQ(log().back().kind, ChangeKind::xattrs);
  EXPECT_EQ(refused(set("user.c", std::string(kXattrValueBytesMax + 1, 'x'))), Code::too_big);
  EXPECT_EQ(refused(set(std::string(kXattrNameBytesMax + 1, 'n'), "x")), Code::invalid);
}

}  // namespace
}  // namespace outboard::tests
