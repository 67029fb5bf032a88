// PartSuite: what a store must hide from somebody who has grants for parts of a volume only.
//
// Judged where a server's Access stands before the store: the fixture's guest() says as whom.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/clock.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {

// A volume with /team/{a,deep/b}, /secret/{x,deep} and /top.
class PartSuite : public StoreSuite {
 protected:
  PartSuite() {
    mkdir("/team");
    mkdir("/team/deep");
    mkdir("/secret");
    mkdir("/secret/deep");
    put("/team/a", "ours");
    put("/team/deep/b", "ours too");
    put("/secret/x", "theirs");
    put("/top", "theirs");
  }
  Guest guest(const std::string& prefix, bool write) {
    return fixture_->guest({Grant{volume_, prefix, write}});
  }
  static Code code_of(const Result<Applied>& applied) {
    return applied ? Code::unsupported : applied.error().code;  // unsupported: it was done
  }
  Result<Applied> apply_as(const Guest& who, Op op) {
    Batch batch;
    batch.steps.push_back(Step{std::move(op), {}});
    return who.store->apply(who.call, volume_, batch);
  }
  std::vector<std::string> names_as(const Guest& who, const NodeRef& directory) {
    std::vector<std::string> names;
    const auto page = who.store->list(who.call, volume_, directory, "", 0);
    if (!page) return {std::string(name_of(page.error().code))};
    for (const Entry& entry : page->value.entries) names.push_back(entry.dentry.name);
    return names;
  }
  Inode inode(const std::string& path) { return node(path)->inode; }
};

// The same, and what a watcher hears.
class PartFeedSuite : public PartSuite {
 protected:
  // What comes until the head is covered; an end is the last.
  std::vector<Change> follow(FeedQueue& queue, Seq after) {
    std::vector<Change> seen;
    const Seq until = head();
    while (after < until && !ended_) {
      const auto item = queue.next(SystemClock().now() + kCallWait);
      if (!item) {
        ADD_FAILURE() << "nothing came behind " << after.value;
        return seen;
      }
      for (const Change& change : item->changes) {
        EXPECT_EQ(change.seq.value, after.value + 1) << "a gap";
        after = change.seq;
        seen.push_back(change);
      }
      ended_ = item->end;
      if (!item->end) after = std::max(after, item->upto);
    }
    return seen;
  }
  // One change of the whole volume as `who` sees it.
  std::vector<Change> seen_as(const Guest& who, const std::function<void()>& change) {
    auto queue = std::make_shared<FeedQueue>();
    const auto loaded = who.store->snapshot(who.call, volume_, {}, [](const SnapshotPart&) {});
    EXPECT_TRUE(loaded) << loaded.error().message;
    const Seq from = head();
    const auto subscription = who.store->subscribe(who.call, volume_, from, queue);
    EXPECT_TRUE(subscription) << subscription.error().message;
    change();
    return follow(*queue, from);
  }
  std::optional<FeedEnd> ended_;
};

}  // namespace outboard::tests
