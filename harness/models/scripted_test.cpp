#include "harness/models/scripted.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace outboard::harness {
namespace {

struct Heard final : AnswerSink {
  std::string text;
  std::string inputs;
  void on_text(std::string_view delta) override { text.append(delta); }
  void on_call(std::uint32_t, std::string_view tool) override { inputs.append(tool); }
  void on_call_input(std::uint32_t, std::string_view part) override { inputs.append(part); }
};

constexpr const char* kScenario = R"(
name: look
turns:
  - text: I look at the skills.
    calls:
      - {tool: bash, input: {command: ls /skills, timeout_ms: 500, restart: false, note: "7"}}
  - expect:
      - {result: 0, contains: word-count, lacks: secret, error: false}
    text: "There is: ${result.0}"
)";

Prompt first() {
  return {"m", "", "[]", {{Role::user, {TextBlock{"hi"}}}}};
}

Prompt second(const std::string& result, bool error) {
  Prompt prompt = first();
  prompt.messages.push_back({Role::assistant, {ToolUseBlock{"a", "bash", "{}"}}});
  prompt.messages.push_back({Role::user, {ToolResultBlock{"a", result, error}}});
  return prompt;
}

class Scripted : public ::testing::Test {
 protected:
  Result<Answer> ask(const Prompt& prompt) {
    ScriptedModel model(*parse_scenario("test", kScenario));
    return model.ask(prompt, heard_, {}, Moment::max());
  }
  Heard heard_;
};

TEST_F(Scripted, TheAnswerFollowsFromThePromptAlone) {
  const auto answer = ask(first());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(heard_.text, "I look at the skills.");
  EXPECT_EQ(answer->stop, StopReason::tool_use);
  EXPECT_EQ(answer->calls.at(0).input,
            R"({"command":"ls /skills","note":"7","restart":false,"timeout_ms":500})");
  EXPECT_EQ(*ask(first()), *answer);
  EXPECT_EQ(ask(second("word-count", false))->text, "There is: word-count");
}

TEST_F(Scripted, AResultThatIsNotAsExpectedIsSaid) {
  const auto wrong = ask(second("nothing", false));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, Code::invalid);
  EXPECT_NE(wrong.error().message.find("turn 2"), std::string::npos);
  EXPECT_NE(wrong.error().message.find("nothing"), std::string::npos);
  EXPECT_FALSE(ask(second("word-count", true)));
  EXPECT_FALSE(ask(second("word-count secret", false)));
}

TEST_F(Scripted, BehindTheLastTurnIsAnError) {
  Prompt prompt = second("word-count", false);
  prompt.messages.push_back({Role::assistant, {TextBlock{"done"}}});
  prompt.messages.push_back({Role::user, {TextBlock{"more"}}});
  EXPECT_EQ(ask(prompt).error().code, Code::invalid);
}

TEST(Scenario, MistakesAreNamedWithTheirLine) {
  const auto unknown = parse_scenario("x.yaml", "turns:\n  - txet: hello\n");
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().message.find("line 2"), std::string::npos) << unknown.error().message;
  EXPECT_FALSE(parse_scenario("x", "turns:\n  - {}\n"));
  EXPECT_FALSE(parse_scenario("x", "turns: [\n"));
  EXPECT_TRUE(parse_scenario("x", R"({"turns": [{"text": "as JSON"}]})"));
  EXPECT_EQ(load_scenario("no-such-file.yaml").error().code, Code::not_found);
}

TEST(Scenario, EachExampleCanBePlayed) {
  std::size_t turns = 0;
  for (const auto& file : std::filesystem::directory_iterator(SCENARIOS)) {
    const auto example = load_scenario(file.path().string());
    ASSERT_TRUE(example) << example.error().message;
    turns += example->turns.size();
  }
  EXPECT_GT(turns, 20U);
}

}  // namespace
}  // namespace outboard::harness
