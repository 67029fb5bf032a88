// How a session looks: events in, a page out.
#include "cli/session_view.h"

#include <gtest/gtest.h>

#include <sstream>

namespace outboard::cli {
namespace {

const SessionId kSession{*parse_uuid("3f2a91c0-2222-4333-8444-555555555555")};
const OpId kOp{*parse_uuid("77ab0000-2222-4333-8444-555555555555")};

class Page : public ::testing::Test {
 protected:
  bool say(const std::string& kind, Json payload, std::uint64_t turn = 1) {
    client::AgentEvent event;
    event.seq = ++seq_;
    event.kind = kind;
    event.payload = payload.dump();
    event.turn = turn;
    event.at = Timestamp{static_cast<std::int64_t>(seq_) * 100'000'000};
    return view.on_event(event);
  }
  void intend(const std::string& tool, const Json& input, bool approval = false) {
    say("call_intended", {{"op", to_string(kOp)},
                          {"tool", tool},
                          {"input", {{"text", input.dump()}}},
                          {"needs_approval", approval}});
  }
  void finish(const std::string& result, bool error = false) {
    say("call_finished",
        {{"op", to_string(kOp)}, {"is_error", error}, {"result", {{"text", result}}}});
  }
  std::string page() {
    view.close();
    return out.str();
  }

  std::ostringstream out;
  std::ostringstream err;
  Screen screen{out, err, {}};
  SessionView view{screen, kSession, {}};

 private:
  std::uint64_t seq_ = 0;
};

TEST_F(Page, ATurnReadsLikeAConversation) {
  say("user_message", {{"author", "ada"}, {"text", {{"text", "hello"}}}});
  say("model_answered", {{"turn", 1}, {"text", {{"text", "I look."}}}});
  intend("bash", {{"command", "echo hi"}});
  say("call_dispatched", {{"op", to_string(kOp)}});
  view.on_output(kOp, 0, "hi\n");
  finish("hi\n");
  say("model_answered", {{"turn", 2}, {"text", {{"text", "Done."}}}}, 2);
  EXPECT_EQ(page(),
            "ada › hello\n"
            "\nI look.\n"
            "\n● bash  echo hi\n"
            "  │ hi\n"
            "  └ ✓ 100 ms\n"
            "\nDone.\n");
}

TEST_F(Page, WhatWasStreamedIsNotSaidAgain) {
  view.on_text(1, "I lo");
  view.on_text(1, "ok");
  say("model_answered", {{"turn", 1}, {"text", {{"text", "I look."}}}});
  EXPECT_EQ(page(), "I look.\n");
}

TEST_F(Page, ACharacterCutInTwoIsShownWhole) {
  view.on_text(1, "\xc3");
  view.on_text(1, "\xa9t\xc3\xa9");
  say("model_answered", {{"turn", 1}, {"text", {{"text", "\xc3\xa9t\xc3\xa9"}}}});
  EXPECT_EQ(page(), "\xc3\xa9t\xc3\xa9\n");
}

TEST_F(Page, NothingThatIsSaidMovesTheCursor) {
  view.on_text(1, "a\x1b[2Jb");
  say("model_answered", {{"turn", 1}, {"text", {{"text", "a\x1b[2Jb"}}}});
  intend("bash", {{"command", "x\x1b[1m"}});
  say("call_dispatched", {{"op", to_string(kOp)}});
  view.on_output(kOp, 0, "\x1b]0;title\n");
  finish("");
  EXPECT_EQ(page().find('\x1b'), std::string::npos);
}

TEST_F(Page, AfterADropTheTextBeginsAnew) {
  view.on_text(1, "I begin to");
  view.on_dropped(1);
  view.on_text(1, "I look.");
  say("model_answered", {{"turn", 1}, {"text", {{"text", "I look."}}}});
  EXPECT_EQ(page(), "I begin to\n· that was cut off; the model is asked again\n\nI look.\n");
}

TEST_F(Page, OutputThatComesAgainAfterATakeoverIsShownOnce) {
  intend("bash", {{"command", "make"}});
  say("call_dispatched", {{"op", to_string(kOp)}});
  view.on_output(kOp, 0, "one\ntw");
  view.on_away(Error{Code::unavailable, "gone"});
  view.on_back();
  view.on_output(kOp, 0, "one\ntwo\n");
  finish("one\ntwo\n");
  EXPECT_EQ(page(),
            "● bash  make\n"
            "  │ one\n"
            "· the harness is away; the session goes on where it was when it is back\n"
            "· the harness is back\n"
            "  │ two\n"
            "  └ ✓ 100 ms\n");
}

TEST_F(Page, OutputThatNobodyFollowedComesFromTheResult) {
  intend("bash", {{"command", "make"}});
  say("call_dispatched", {{"op", to_string(kOp)}});
  view.on_output(kOp, 0, "one\n");
  finish("one\ntwo\nthree\n");
  EXPECT_EQ(page(),
            "● bash  make\n"
            "  │ one\n"
            "  │ two\n"
            "  │ three\n"
            "  └ ✓ 100 ms\n");
}

TEST_F(Page, LongResultsAreCut) {
  intend("str_replace_based_edit_tool", {{"path", "/skills/x"}, {"command", "view"}});
  std::string text;
  for (int i = 0; i < 20; ++i) text += std::to_string(i) + "\n";
  finish(text);
  const std::string shown = page();
  EXPECT_NE(shown.find("● view  /skills/x\n"), std::string::npos) << shown;
  EXPECT_NE(shown.find("  │ … 12 more lines\n"), std::string::npos) << shown;
}

TEST_F(Page, ACallThatWaitsSaysHowToAnswerIt) {
  intend("bash", {{"command", "rm -r build"}}, true);
  EXPECT_EQ(view.waiting().size(), 1U);
  const std::string shown = page();
  EXPECT_NE(shown.find("outboard session approve 3f2a91c0 77ab0000 --allow"), std::string::npos)
      << shown;
}

TEST_F(Page, AFailedSessionIsRemembered) {
  say("session_failed", {{"code", "invalid"}, {"diagnosis", "no such model"}});
  EXPECT_EQ(view.failed(), "no such model");
}

}  // namespace
}  // namespace outboard::cli
