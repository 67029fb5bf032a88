// ScriptedModel: a model that replays a scenario file, for tests and for the demonstration.
//
// Which answer it gives follows from the prompt alone (how many it has given there before), so any
// worker that asks again after a crash hears the same. A turn may state what the results before it
// must look like; when they do not, the answer is an `invalid` that says what was found instead.
//
//   turns:
//     - text: I look at the skills.
//       calls:
//         - {tool: bash, input: {command: ls /skills}}
//     - expect:
//         - {result: 0, contains: word-count, error: false}
//       text: "There is: ${result.0}"
//
// Any thread.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/models/model.h"

namespace outboard::harness {

struct Expectation {
  std::size_t result = 0;  // index among the results of the turn before
  std::string contains;
  std::string lacks;  // empty: not asked
  std::optional<bool> error;
};

struct ScriptedTurn {
  std::vector<Expectation> expect;
  std::string text;              // ${result.N}: the text of that result
  std::vector<AskedCall> calls;  // ids are made from turn and index
};

struct Scenario {
  std::string name;
  std::vector<ScriptedTurn> turns;
};

// YAML or JSON. invalid: says the line and what was expected there.
Result<Scenario> parse_scenario(std::string_view name, const std::string& text);
Result<Scenario> load_scenario(const std::string& file);

class ScriptedModel final : public Model {
 public:
  explicit ScriptedModel(Scenario scenario) : scenario_(std::move(scenario)) {}
  Result<Answer> ask(const Prompt& prompt, AnswerSink& sink, const std::stop_token& stop,
                     Moment deadline) override;

 private:
  const Scenario scenario_;
};

}  // namespace outboard::harness
