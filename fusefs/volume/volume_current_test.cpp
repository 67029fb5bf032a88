// What a mount of a strict volume asks the store before it shows something. [S7]
#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "core/limits.h"
#include "core/memory_store.h"
#include "core/mount_acks.h"
#include "tests/mount/frozen_store.h"
#include "tests/support/seat.h"

namespace outboard::fusefs {
namespace {

// Says of whatever it is asked that it has settled, unless it was told to say something else.
class SettlingStore final : public tests::FrozenStore {
 public:
  using FrozenStore::FrozenStore;
  Status settle(const Call& call, VolumeId, Seq seq) override {
    asked.push_back({seq, call.deadline});
    if (answers.empty()) return success();
    const Error refused = answers.front();
    answers.pop_front();
    return refused;
  }

  struct Asked {
    Seq seq;
    Moment deadline;
  };
  std::vector<Asked> asked;
  std::deque<Error> answers;
};

class VolumeCurrent : public ::testing::Test {
 protected:
  VolumeCurrent() {
    VolumeSettings strict;
    strict.strict = true;
    volume_ = store_.add_volume("acme/ledger", strict);
    here_ = std::make_unique<Seat>(server_, time_, "acme/ledger");
    (*here_)->set_stale(false);
  }
  // Another's change comes, and all that was before it has settled long ago.
  void hear_of(std::string_view name) {
    time_.advance(2 * kStrictLease);
    Batch batch;
    Publish op;
    op.at = {kRootInode, std::string(name)};
    batch.steps.push_back(Step{std::move(op), {}});
    ASSERT_TRUE(store_.apply(internal_call(Moment::max()), volume_, batch));
    here_->pump();
  }

  SystemClock clock_;
  ManualClock time_;
  MemoryStore store_{clock_};
  SettlingStore server_{store_};
  VolumeId volume_;
  std::unique_ptr<Seat> here_;
};

// Of a part of a volume changes are hidden: a mark stands in their place, and is waited for.
TEST_F(VolumeCurrent, S7_BehindAMarkItIsAskedOnceAndWithTimeLeft) {
  hear_of("f");
  const Seq mark{(*here_)->seq().value + 1};
  (*here_)->absorb_feed({volume_, {}, mark});
  ASSERT_EQ((*here_)->seq(), mark);
  ASSERT_TRUE((*here_)->lookup(kRootId, ".history"));
  ASSERT_EQ(server_.asked.size(), 1U);
  EXPECT_EQ(server_.asked[0].seq, mark);
  EXPECT_EQ(server_.asked[0].deadline, time_.now() + kStrictLease);
  ASSERT_TRUE((*here_)->lookup(kRootId, "f"));
  EXPECT_EQ(server_.asked.size(), 1U) << "it has settled";
}

TEST_F(VolumeCurrent, S7_WhoIsAnsweredTooSoonAsksAgain) {
  hear_of("f");
  server_.answers = {not_settled((*here_)->seq()), Error{Code::unavailable, "away", {}}};
  const auto shown = (*here_)->lookup(kRootId, "f");
  EXPECT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(server_.asked.size(), 3U);
}

}  // namespace
}  // namespace outboard::fusefs
