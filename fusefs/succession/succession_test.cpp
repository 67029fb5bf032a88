#include "fusefs/succession/succession.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <memory>

namespace outboard::fusefs {
namespace {

// Whichever comes first, the refusal or the question: it is told why.
TEST(Succession, S59_WhoIsRefusedBeforeItAsksIsToldWhy) {
  for (const auto ask : {+[](const Parley& parley) { return ask_terms(parley, "test"); },
                         +[](const Parley& parley) { return ask_tables(parley); }}) {
    std::array<int, 2> ends{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    auto daemon = std::make_unique<Parley>(ends[0]);
    const Parley successor(ends[1]);
    refuse(*daemon, Error{Code::no_access, "not you"});
    daemon.reset();
    const auto answer = ask(successor);
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().code, Code::no_access);
    EXPECT_EQ(answer.error().message, "not you");
  }
}

}  // namespace
}  // namespace outboard::fusefs
