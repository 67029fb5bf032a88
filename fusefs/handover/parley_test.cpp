#include "fusefs/handover/parley.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <thread>

namespace outboard::fusefs {
namespace {

Moment soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(20);
}
Moment at_once() {
  return std::chrono::steady_clock::now();
}

class ParleyTest : public ::testing::Test {
 protected:
  ParleyTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    daemon_ = std::make_unique<Parley>(ends[0]);
    successor_ = std::make_unique<Parley>(ends[1]);
  }

  std::unique_ptr<Parley> daemon_, successor_;
};

TEST_F(ParleyTest, S59_TablesOfAnySizeTravelWithTheirDescriptors) {
  const std::string tables(5'000'000, 't');
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe2(pipe.data(), O_CLOEXEC), 0);
  std::thread speaking([&] { EXPECT_TRUE(daemon_->say(Word::tables, tables, {pipe[1]}, soon())); });
  const auto heard = successor_->hear(Word::tables, soon());
  speaking.join();
  ASSERT_TRUE(heard);
  EXPECT_EQ(heard->text, tables);
  ASSERT_EQ(heard->descriptors.size(), 1U);
  EXPECT_EQ(::write(heard->descriptors.front(), "x", 1), 1);
  char came = 0;
  EXPECT_EQ(::read(pipe[0], &came, 1), 1);
  for (const int fd : {pipe[0], pipe[1], heard->descriptors.front()}) ::close(fd);
}

TEST_F(ParleyTest, S59_ARefusalIsHeardInItsOwnWords) {
  const Error why{Code::unsupported, "not this one"};
  ASSERT_TRUE(daemon_->say(Word::refusal, pack_refusal(why), {}, soon()));
  const auto heard = successor_->hear(Word::terms, soon());
  ASSERT_FALSE(heard);
  EXPECT_EQ(heard.error().code, Code::unsupported);
  EXPECT_EQ(heard.error().message, "not this one");
}

TEST_F(ParleyTest, S59_AWordOutOfTurnIsRefused) {
  ASSERT_TRUE(successor_->say(Word::taken, {}, {}, soon()));
  EXPECT_EQ(daemon_->hear(Word::offer, soon()).error().code, Code::unsupported);
}

TEST_F(ParleyTest, S59_WhatWasSentInTimeCounts) {
  ASSERT_TRUE(successor_->say(Word::taken, {}, {}, soon()));
  EXPECT_TRUE(daemon_->await_taken(at_once()));
}

TEST_F(ParleyTest, S59_WhatComesTooLateIsNotSent) {
  EXPECT_FALSE(daemon_->await_taken(at_once()));
  const auto late = successor_->say(Word::taken, {}, {}, soon());
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, Code::unavailable);
}

TEST_F(ParleyTest, S59_WhoHasEndedHasNotTakenOver) {
  successor_.reset();
  EXPECT_FALSE(daemon_->await_taken(soon()));
}

}  // namespace
}  // namespace outboard::fusefs
