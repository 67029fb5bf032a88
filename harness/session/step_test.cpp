#include "harness/session/step.h"

#include <gtest/gtest.h>

#include "harness/session/limits.h"
#include "harness/session/prompt.h"

namespace outboard::harness {
namespace {

const SessionId kSession{*parse_uuid("11111111-2222-4333-8444-555555555555")};
const OpId kFirst = op_id_of(kSession, 1, 0);
const OpId kSecond = op_id_of(kSession, 1, 1);

State fold_all(State state, const std::vector<Event>& events) {
  for (const Event& event : events) state = fold(std::move(state), event);
  return state;
}

State begun() {
  return fold_all({},
                  {Claimed{Epoch{1}, "w1"},
                   SessionStarted{"helper", "m", Body::of("be kind"), Body::of("[]"), {}, false},
                   UserMessage{"ada", Body::of("hello")}});
}

CallIntended intent(OpId op, std::uint32_t index, Effect effect, bool approval = false) {
  return {op, 1, index, "toolu_" + std::to_string(index), "bash", effect, Body::of("{}"), approval};
}

State answered(Effect effect, bool approval = false) {
  return fold_all(begun(), {ModelAsked{1, 1, sha256("p")},
                            ModelAnswered{1, Body::of("I try."), StopReason::tool_use, {}},
                            intent(kFirst, 0, effect, approval)});
}

State dispatched(Effect effect) {
  return fold(answered(effect), CallDispatched{kFirst, Epoch{1}, Generation{1}, sha256("before"),
                                               sha256("after"), Body::of("done")});
}

Recovery recovered(Effect effect, Known known, std::optional<Found> found = std::nullopt) {
  const State state = dispatched(effect);
  return recover(*state.find(kFirst), Sighting{known, found, "", {}});
}

// ── The table of recovery, row by row ──

TEST(Recovery, NoAssistantMessage_AskAgainWithTheSamePrefix) {
  const auto resolve = [](const Body& body) { return Result<std::string>(body.text); };
  const State before = begun();
  const auto first = build_prompt(before, resolve);
  const State crashed =
      fold_all(before, {ModelAsked{1, 1, digest_of(*first)}, Claimed{Epoch{2}, "w2"}});
  EXPECT_EQ(step(crashed), Command(AskModel{1, 2, true, 0}));
  EXPECT_EQ(digest_of(*build_prompt(crashed, resolve)), crashed.asked->prompt);
}

TEST(Recovery, IntendedOrApproved_Dispatch) {
  EXPECT_EQ(step(fold(answered(Effect::command), Claimed{Epoch{2}, "w2"})),
            Command(Dispatch{kFirst}));
  const State approved = fold_all(answered(Effect::command, true),
                                  {CallApproved{kFirst, "ada"}, Claimed{Epoch{2}, "w2"}});
  EXPECT_EQ(step(approved), Command(Dispatch{kFirst}));
}

TEST(Recovery, AwaitingApproval_GoOnWaiting) {
  const State state = fold(answered(Effect::command, true), Claimed{Epoch{2}, "w2"});
  EXPECT_EQ(step(state), Command(Wait{WaitFor::approval}));
  EXPECT_EQ(state.crashes, 0U);
}

TEST(Recovery, Dispatched_IsLookedAtFirst) {
  EXPECT_EQ(step(fold(dispatched(Effect::command), Claimed{Epoch{2}, "w2"})),
            Command(Reattach{kFirst}));
}

TEST(Recovery, DispatchedRunning_ReattachAtTheStoredOffset) {
  EXPECT_EQ(recovered(Effect::command, Known::running), Recovery::reattach);
  const State state = fold_all(
      dispatched(Effect::command),
      {CallProgress{kFirst, 100, Body::of("a")}, CallProgress{kFirst, 50, Body::of("late")}});
  EXPECT_EQ(state.find(kFirst)->offset, 100U);
  EXPECT_EQ(state.find(kFirst)->parts.size(), 1U);
}

TEST(Recovery, DispatchedFinished_TakeTheTrueResult) {
  for (const Effect effect : {Effect::read, Effect::write, Effect::command}) {
    EXPECT_EQ(recovered(effect, Known::finished), Recovery::take_result);
  }
}

TEST(Recovery, DispatchedNeverSeenSameGeneration_Dispatch) {
  EXPECT_EQ(recovered(Effect::command, Known::never_seen), Recovery::dispatch);
  EXPECT_EQ(recovered(Effect::read, Known::never_seen), Recovery::dispatch);
}

TEST(Recovery, LostPureRead_RunAgain) {
  EXPECT_EQ(recovered(Effect::read, Known::lost), Recovery::run_again);
}

TEST(Recovery, LostWrite_PostImageIsDone) {
  EXPECT_EQ(recovered(Effect::write, Known::lost, Found{sha256("after")}), Recovery::done);
}

TEST(Recovery, LostWrite_PreImageIsApplied) {
  EXPECT_EQ(recovered(Effect::write, Known::lost, Found{sha256("before")}), Recovery::apply);
  EXPECT_EQ(recovered(Effect::write, Known::never_seen, Found{sha256("before")}), Recovery::apply);
}

TEST(Recovery, LostWrite_AnythingElseIsUnknown) {
  EXPECT_EQ(recovered(Effect::write, Known::lost, Found{sha256("x")}), Recovery::report_unknown);
  EXPECT_EQ(recovered(Effect::write, Known::lost, Found{}), Recovery::report_unknown);
  EXPECT_EQ(recovered(Effect::write, Known::lost), Recovery::report_unknown);
}

TEST(Recovery, LostBash_IsNeverRunAgain) {
  EXPECT_EQ(recovered(Effect::command, Known::lost), Recovery::report_unknown);
  const State state = dispatched(Effect::command);
  const std::string text =
      unknown_outcome(*state.find(kFirst), Sighting{Known::lost, {}, "turn 4", {}}, "half a line");
  for (const char* part : {"fully, partly or not at all", "as of turn 4", "Check", "half a line"}) {
    EXPECT_NE(text.find(part), std::string::npos) << part;
  }
}

// ── Steps ──

TEST(Step, ATurnFromBeginToRest) {
  EXPECT_EQ(step(State{}), Command(Begin{}));
  State state = begun();
  EXPECT_EQ(step(state), Command(AskModel{1, 1, false, 0}));
  state = answered(Effect::command);
  state = fold(std::move(state), intent(kSecond, 1, Effect::read));
  EXPECT_EQ(step(state), Command(Dispatch{kFirst}));
  state = fold_all(state, {CallDispatched{kFirst, Epoch{1}, {}, {}, {}, {}},
                           CallFinished{kFirst, false, Body::of("ok"), {}, {{"acme/memory", 4}}}});
  EXPECT_EQ(step(state), Command(Dispatch{kSecond}));
  state = fold(std::move(state), CallFinished{kSecond, true, Body::of("bad input"), {}, {}});
  EXPECT_EQ(step(state), Command(AskModel{2, 1, false, 0}));
  state = fold_all(state, {ModelAsked{2, 1, sha256("q")},
                           ModelAnswered{2, Body::of("bye"), StopReason::end_turn, {}}});
  EXPECT_EQ(step(state), Command(Wait{WaitFor::message}));
  EXPECT_TRUE(state.at_rest());
  EXPECT_EQ(state.seen.at("acme/memory"), 4U);
  EXPECT_EQ(state.events, 12U);
}

TEST(Step, AOneShotSessionFinishes) {
  State state = begun();
  state.settings.one_shot = true;
  state = fold_all(state, {ModelAsked{1, 1, sha256("q")},
                           ModelAnswered{1, Body::of("bye"), StopReason::end_turn, {}}});
  EXPECT_EQ(step(state), Command(Finish{}));
  EXPECT_EQ(step(fold(state, SessionFinished{})), Command(Over{}));
}

TEST(Step, ThreeCrashesOnOneTurnFailTheSession) {
  State state = dispatched(Effect::command);
  state = fold_all(state, {Claimed{Epoch{2}, "w"}, Claimed{Epoch{3}, "w"}});
  EXPECT_EQ(step(state), Command(Reattach{kFirst}));
  state = fold(std::move(state), Claimed{Epoch{4}, "w"});
  ASSERT_TRUE(std::holds_alternative<Fail>(step(state)));
  EXPECT_NE(std::get<Fail>(step(state)).diagnosis.find("turn 1"), std::string::npos);
}

TEST(Step, AHandOverIsNoCrash) {
  State state = dispatched(Effect::command);
  for (std::uint64_t epoch = 2; epoch < 9; ++epoch) {
    state = fold_all(state, {HandedOver{}, Claimed{Epoch{epoch}, "w"}});
  }
  EXPECT_EQ(state.crashes, 0U);
}

TEST(Step, AnInterruptLeavesOneResultForEachCall) {
  State state = fold(dispatched(Effect::command), intent(kSecond, 1, Effect::command));
  state = fold(std::move(state), Interrupted{"ada"});
  EXPECT_EQ(step(state), Command(Reattach{kFirst}));
  state = fold(std::move(state), CallFinished{kFirst, true, Body::of("killed"), {}, {}});
  const auto deny = step(state);
  ASSERT_TRUE(std::holds_alternative<Deny>(deny));
  state = fold(std::move(state), CallDenied{kSecond, "", std::get<Deny>(deny).message});
  EXPECT_EQ(step(state), Command(Wait{WaitFor::message}));
  state = fold(std::move(state), UserMessage{"ada", Body::of("go on")});
  EXPECT_EQ(step(state), Command(AskModel{2, 1, false, 0}));
  const auto prompt =
      build_prompt(state, [](const Body& body) { return Result<std::string>(body.text); });
  EXPECT_TRUE(check_prompt(*prompt));
  EXPECT_EQ(prompt->messages.back().blocks.size(), 3U);
}

TEST(Step, TheFirstTerminalStateWins) {
  State state = fold(dispatched(Effect::command), CallLost{kFirst, Body::of("lost")});
  state = fold(std::move(state), CallFinished{kFirst, false, Body::of("late"), {}, {}});
  EXPECT_EQ(state.find(kFirst)->stage, CallStage::lost);
  EXPECT_EQ(state.find(kFirst)->result.text, "lost");
  EXPECT_EQ(state.life, Life::running);
}

TEST(Step, AModelThatFailsIsAskedLaterAndNotForEver) {
  State state = fold_all(
      begun(), {ModelAsked{1, 1, sha256("p")}, ModelFailed{1, "unavailable", "overloaded", 5'000}});
  EXPECT_EQ(step(state), Command(AskModel{1, 2, true, 5'000}));
  for (unsigned i = 2; i <= kModelAttemptsMax; ++i) {
    state = fold_all(state, {ModelAsked{1, i, sha256("p")}, ModelFailed{1, "unavailable", "", 9}});
  }
  EXPECT_TRUE(std::holds_alternative<Fail>(step(state)));
  state = fold_all(begun(), {ModelAsked{1, 1, sha256("p")}, ModelFailed{1, "invalid", "key", 0}});
  EXPECT_TRUE(std::holds_alternative<Fail>(step(state)));
}

TEST(Step, ALogThatMakesNoSenseFailsTheSession) {
  const State state = fold(begun(), CallFinished{kFirst, false, {}, {}, {}});
  EXPECT_EQ(state.life, Life::failed);
  EXPECT_NE(state.diagnosis.find("event 4"), std::string::npos);
}

// ── The inbox ──

Result<Body> keep(std::string words) {
  return Body::of(std::move(words));
}

InboxItem item(std::variant<std::string, InterruptRequest, Approval> content) {
  return {random_uuid(), "ada", {}, std::move(content)};
}

TEST(TakeUp, MessagesWaitForRunningCalls) {
  EXPECT_TRUE(take_up(dispatched(Effect::command), {item("more")}, keep)->empty());
  EXPECT_EQ(take_up(begun(), {item("more"), item("and more")}, keep)->size(), 2U);
  EXPECT_TRUE(take_up(State{}, {item("early")}, keep)->empty());
}

TEST(TakeUp, AnApprovalIsTakenOnce) {
  const auto drafts = take_up(answered(Effect::command, true),
                              {item(Approval{kFirst, true, ""}), item(Approval{kFirst, false, ""}),
                               item(Approval{kSecond, true, ""})},
                              keep);
  ASSERT_EQ(drafts->size(), 3U);
  EXPECT_TRUE(std::holds_alternative<CallApproved>((*drafts)[0].event));
  EXPECT_TRUE(std::holds_alternative<InboxRefused>((*drafts)[1].event));
  EXPECT_TRUE(std::holds_alternative<InboxRefused>((*drafts)[2].event));
}

TEST(TakeUp, AMessageInsteadOfAnApprovalDenies) {
  const State state = answered(Effect::command, true);
  const auto drafts = take_up(state, {item("rather look first")}, keep);
  ASSERT_EQ(drafts->size(), 2U);
  EXPECT_TRUE(std::holds_alternative<CallDenied>((*drafts)[0].event));
  State after = state;
  for (const Draft& draft : *drafts) after = fold(std::move(after), draft.event);
  EXPECT_EQ(step(after), Command(AskModel{2, 1, false, 0}));
}

// ── Prompts ──

TEST(Prompt, OrphansAreFound) {
  Prompt prompt{"m", "", "[]", {{Role::user, {TextBlock{"hi"}}}}};
  EXPECT_TRUE(check_prompt(prompt));
  prompt.messages.push_back({Role::assistant, {ToolUseBlock{"a", "bash", "{}"}}});
  prompt.messages.push_back({Role::user, {TextBlock{"hi"}}});
  EXPECT_EQ(check_prompt(prompt).error().code, Code::invalid);
  prompt.messages.back().blocks = {ToolResultBlock{"a", "ok", false}};
  EXPECT_TRUE(check_prompt(prompt));
  prompt.messages.back().blocks.push_back(ToolResultBlock{"a", "again", false});
  EXPECT_FALSE(check_prompt(prompt));
}

}  // namespace
}  // namespace outboard::harness
