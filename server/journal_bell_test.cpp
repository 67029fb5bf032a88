#include "server/journal_bell.h"

#include <gtest/gtest.h>

namespace outboard::server {
namespace {

struct Follower final : SessionSink {
  void changed() override { ++count; }
  int count = 0;
};

struct Worker final : ShiftSink {
  void runnable() override { words += "r"; }
  void lost(SessionId) override { words += "l"; }
  void inbox(SessionId) override { words += "i"; }
  void replaced() override {}
  std::string words;
};

TEST(JournalBells, WordsAreReadAsTheyWereWritten) {
  const SessionId session{random_uuid()};
  for (const Bell& bell :
       {Bell{Bell::Kind::session, 0, session}, Bell{Bell::Kind::runnable, 7, {}},
        Bell{Bell::Kind::inbox, 3, session}, Bell{Bell::Kind::lost, 4, session}}) {
    EXPECT_EQ(parse_bell(to_word(bell)), bell);
  }
  for (const char* word : {"", "s", "s0", "s0:", "s0:x", "r", "rx", "r7:", "z1", "i3"}) {
    EXPECT_FALSE(parse_bell(word)) << word;
  }
}

TEST(JournalBells, WhatOneServerRingsTheOtherHearsOnce) {
  JournalBell here;
  JournalBell there;
  const SessionId session{random_uuid()};
  const auto near = std::make_shared<Follower>();
  const auto far = std::make_shared<Follower>();
  const auto following = here.follow(session, near);
  const auto far_following = there.follow(session, far);
  here.ring({Bell::Kind::session, 0, session});
  here.ring({Bell::Kind::session, 0, session});
  EXPECT_EQ(near->count, 2);
  const std::string payload = here.next_payload();
  there.heard(payload);
  here.heard(payload);  // Postgres tells everybody
  EXPECT_EQ(far->count, 1);
  EXPECT_EQ(near->count, 2);
  there.heard("12:34");
  EXPECT_EQ(far->count, 1);
}

TEST(JournalBells, AWorkerHearsOfItsOwnOrganisationAndSessions) {
  JournalBell bell;
  const auto ours = std::make_shared<Worker>();
  const auto theirs = std::make_shared<Worker>();
  const auto site = std::make_shared<Worker>();
  auto our_hook = bell.work(1, 10, ours);
  const auto their_hook = bell.work(2, 20, theirs);
  const auto site_hook = bell.work(3, 0, site);
  bell.ring({Bell::Kind::runnable, 10, {}});
  bell.ring({Bell::Kind::inbox, 1, SessionId{random_uuid()}});
  bell.ring({Bell::Kind::lost, 2, SessionId{random_uuid()}});
  EXPECT_EQ(ours->words, "ri");
  EXPECT_EQ(theirs->words, "l");
  EXPECT_EQ(site->words, "r");
  our_hook.reset();
  bell.doubt();
  EXPECT_EQ(ours->words, "ri");
  EXPECT_EQ(theirs->words, "lr");
}

}  // namespace
}  // namespace outboard::server
