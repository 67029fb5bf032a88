// What extended attributes have been: [S28] they are read as of a seq, [S30] and can be purged.
#include <map>
#include <random>

#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

SetXattr set(Inode inode, const std::string& name, std::string value) {
  return SetXattr{inode, name, std::move(value)};
}

// [S28] Whatever was done to attributes, in batches and alone, they can be read as they were behind
// each change: of files, directories and symlinks, of what was removed and came back.
TEST_P(StoreSuite, S28_EveryFormerAttributeCanBeReadAgain) {
  std::mt19937 random(40);
  const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  MakeSymlink symlink;
  symlink.at = at("/link");
  symlink.target = "f";
  const std::vector<Inode> nodes{kRootInode, put("/f", "x").inode, mkdir("/d").inode,
                                 done(symlink).node.inode};
  const Seq begin = head();
  std::map<Inode, Xattrs> now;
  std::map<Seq, std::map<Inode, Xattrs>> then{{begin, now}};
  for (int round = 0; round < 120; ++round) {
    std::vector<Step> steps;
    std::map<Inode, Xattrs> next = now;
    std::vector<std::map<Inode, Xattrs>> states;
    for (unsigned left = 1 + pick(4); left > 0; --left) {
      const Inode inode = nodes[pick(4)];
      // Any bytes but NUL are a name.
      const std::string name = std::string("user.\xff") + static_cast<char>('a' + pick(5));
      Xattrs& has = next[inode];
      if (has.contains(name) && pick(3) == 0) {
        steps.push_back({RemoveXattr{inode, name}, {}});
        has.erase(name);
      } else {
        std::string value = pattern(pick(10) == 0 ? kXattrValueBytesMax / 2 : pick(20), pick(100));
        steps.push_back({set(inode, name, value), {}});
        has[name] = std::move(value);
      }
      states.push_back(next);
    }
    const Seq before = head();
    ASSERT_TRUE(apply(std::move(steps)));
    for (std::size_t i = 0; i < states.size(); ++i) then[Seq{before.value + 1 + i}] = states[i];
    now = next;
    if (round == 60) {  // gone, and back with what it had
      done(Unlink{at("/f")});
      then[head()] = now;
      Restore back;
      back.inode = nodes[1];
      back.to = at("/f");
      done(back);
      then[head()] = now;
    }
  }
  for (auto& [seq, states] : then) {
    for (const Inode inode : nodes) {
      auto read = store().xattrs(call(), volume_, inode, as_of(seq));
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_EQ(read->seq, seq);
      ASSERT_TRUE(read->value == states[inode]) << "node " << inode.value << " as of " << seq.value;
    }
  }
  auto current = store().xattrs(call(), volume_, nodes[1], {});
  ASSERT_TRUE(current);
  EXPECT_TRUE(current->value == now[nodes[1]]);
  EXPECT_EQ(current->seq, head());
}

// [S28] What has not come is waited for, what was not there is not found, what is forgotten
// refused.
TEST_P(StoreSuite, S28_FormerAttributesAreRefusedWhereTreesAre) {
  const Seq nothing = head();
  const Inode file = put("/f", "x").inode;
  done(set(file, "user.a", "one"));
  const Seq one = head();
  done(set(file, "user.a", "two"));
  done(set(file, "user.b", "two"));
  const Seq two = head();
  done(RemoveXattr{file, "user.a"});
  const auto code = [&](Seq seq) {
    return store().xattrs(call(), volume_, file, as_of(seq)).error().code;
  };
  EXPECT_EQ(code(nothing), Code::not_found);
  if (!fixture_->forget(volume_, two)) GTEST_FAIL() << "the store cannot forget";
  EXPECT_EQ(code(one), Code::history_gone);
  auto kept = store().xattrs(call(), volume_, file, as_of(two));
  ASSERT_TRUE(kept) << kept.error().message;
  EXPECT_EQ(kept->value, (Xattrs{{"user.a", "two"}, {"user.b", "two"}}));
  Call soon = call();
  soon.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
  auto later = store().xattrs(soon, volume_, file, as_of(Seq{head().value + 1}));
  EXPECT_EQ(later.error().code, Code::timed_out);
}

// [S30] Redacted whole, a node's former attributes are gone, of a directory too; what they are now
// stays, and what they were is not answered from something else.
TEST_P(StoreSuite, S30_WhatAttributesWereCanBeRedacted) {
  for (const Inode inode : {put("/f", "x").inode, mkdir("/d").inode}) {
    done(set(inode, "user.key", "secret"));
    const Seq secret = head();
    done(set(inode, "user.key", "harmless"));
    const Seq harmless = head();
    EXPECT_EQ(store().xattrs(call(), volume_, inode, as_of(secret))->value.at("user.key"),
              "secret");
    done(Redact{inode, {}});
    auto then = store().xattrs(call(), volume_, inode, as_of(secret));
    ASSERT_FALSE(then);
    EXPECT_EQ(then.error().code, Code::history_gone);
    EXPECT_NE(then.error().message.find("redacted"), std::string::npos) << then.error().message;
    const Xattrs now{{"user.key", "harmless"}};
    EXPECT_EQ(store().xattrs(call(), volume_, inode, as_of(harmless))->value, now);
    EXPECT_EQ(store().xattrs(call(), volume_, inode, {})->value, now);
    done(set(inode, "user.key", "new"));
    EXPECT_EQ(store().xattrs(call(), volume_, inode, as_of(harmless))->value, now);
    EXPECT_TRUE(log().back().kind == ChangeKind::xattrs && !log().back().redacted);
  }
  EXPECT_EQ(refused(Redact{node("/d")->inode, Version{1}}), Code::invalid);
}

// [S34] Of a file without history nobody keeps what its attributes were, and says so.
TEST_P(StoreSuite, S34_IgnoredFilesKeepNoFormerAttributes) {
  VolumeSettings settings;
  settings.ignored = "*.swp";
  use_volume(settings);
  const Inode file = put("/notes.swp", "x").inode;
  const Seq none = head();
  done(set(file, "user.a", "one"));
  const Seq one = head();
  done(set(file, "user.a", "two"));
  EXPECT_EQ(store().xattrs(call(), volume_, file, as_of(none))->value, Xattrs{});
  EXPECT_EQ(store().xattrs(call(), volume_, file, as_of(one)).error().code, Code::history_gone);
  EXPECT_EQ(store().xattrs(call(), volume_, file, as_of(head()))->value.at("user.a"), "two");
}

// A batch that is refused leaves no trace of what it would have changed.
TEST_P(StoreSuite, S14_ARefusedBatchKeepsNothingOfAttributes) {
  const Inode file = put("/f", "x").inode;
  done(set(file, "user.a", "one"));
  const Seq one = head();
  EXPECT_FALSE(apply({{set(file, "user.a", "two"), {}}, {RemoveXattr{file, "user.none"}, {}}}));
  done(set(file, "user.a", "three"));
  EXPECT_EQ(store().xattrs(call(), volume_, file, as_of(one))->value.at("user.a"), "one");
}

}  // namespace
}  // namespace outboard::tests
