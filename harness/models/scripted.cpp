#include "harness/models/scripted.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace outboard::harness {
namespace {

using nlohmann::json;

constexpr std::size_t kShownChars = 400;

struct Malformed {
  int line = 0;
  std::string why;
};

[[noreturn]] void refuse(const YAML::Node& at, std::string why) {
  throw Malformed{at.Mark().line + 1, std::move(why)};
}

// A plain scalar that spells a number or a truth value is one; a quoted one is text.
json scalar_of(const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (node.Tag() == "!") return text;
  if (text == "true") return true;
  if (text == "false") return false;
  if (text == "null" || text == "~") return nullptr;
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size()) return number;
  return text;
}

json json_of(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Map: {
      json out = json::object();
      for (const auto& pair : node) out[pair.first.as<std::string>()] = json_of(pair.second);
      return out;
    }
    case YAML::NodeType::Sequence: {
      json out = json::array();
      for (const auto& value : node) out.push_back(json_of(value));
      return out;
    }
    case YAML::NodeType::Scalar: return scalar_of(node);
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: break;
  }
  return nullptr;
}

void check_keys(const YAML::Node& map, std::initializer_list<std::string_view> known) {
  if (!map.IsMap()) refuse(map, "a map is expected here");
  for (const auto& pair : map) {
    const auto key = pair.first.as<std::string>();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      refuse(pair.first, "unknown key '" + key + "'");
    }
  }
}

Expectation read_expectation(const YAML::Node& node) {
  check_keys(node, {"result", "contains", "lacks", "error"});
  Expectation expect;
  expect.result = node["result"].as<std::size_t>(0);
  expect.contains = node["contains"].as<std::string>("");
  expect.lacks = node["lacks"].as<std::string>("");
  if (node["error"]) expect.error = node["error"].as<bool>();
  return expect;
}

ScriptedTurn read_turn(const YAML::Node& node, std::size_t number) {
  check_keys(node, {"text", "calls", "expect"});
  ScriptedTurn turn;
  turn.text = node["text"].as<std::string>("");
  for (const auto& expect : node["expect"]) turn.expect.push_back(read_expectation(expect));
  for (const auto& call : node["calls"]) {
    check_keys(call, {"tool", "input"});
    if (!call["tool"]) refuse(call, "a call needs a 'tool'");
    const json input = call["input"] ? json_of(call["input"]) : json::object();
    const std::string id =
        "scripted_" + std::to_string(number) + "_" + std::to_string(turn.calls.size());
    turn.calls.push_back({id, call["tool"].as<std::string>(), input.dump()});
  }
  if (turn.text.empty() && turn.calls.empty()) refuse(node, "a turn needs 'text' or 'calls'");
  return turn;
}

std::vector<const ToolResultBlock*> last_results(const Prompt& prompt) {
  std::vector<const ToolResultBlock*> results;
  if (prompt.messages.empty()) return results;
  for (const Block& block : prompt.messages.back().blocks) {
    if (const auto* result = std::get_if<ToolResultBlock>(&block)) results.push_back(result);
  }
  return results;
}

std::optional<std::string> broken(const Expectation& expect,
                                  const std::vector<const ToolResultBlock*>& results) {
  const std::string what = "result " + std::to_string(expect.result);
  if (expect.result >= results.size()) return what + " is not there";
  const ToolResultBlock& result = *results[expect.result];
  const std::string found = "; it is: " + clip(result.text, kShownChars);
  if (expect.error && *expect.error != result.is_error) {
    return what + (result.is_error ? " is an error" : " is no error") + found;
  }
  if (result.text.find(expect.contains) == std::string::npos) {
    return what + " does not contain '" + expect.contains + "'" + found;
  }
  if (!expect.lacks.empty() && result.text.find(expect.lacks) != std::string::npos) {
    return what + " contains '" + expect.lacks + "'" + found;
  }
  return std::nullopt;
}

std::string fill(std::string text, const std::vector<const ToolResultBlock*>& results) {
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::string place = "${result." + std::to_string(i) + "}";
    for (auto at = text.find(place); at != std::string::npos; at = text.find(place, at)) {
      text.replace(at, place.size(), results[i]->text);
      at += results[i]->text.size();
    }
  }
  return text;
}

void stream_words(const std::string& text, AnswerSink& sink) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find(' ', at);
    const std::size_t next = end == std::string::npos ? text.size() : end + 1;
    sink.on_text(std::string_view(text).substr(at, next - at));
    at = next;
  }
}

}  // namespace

Result<Scenario> parse_scenario(std::string_view name, const std::string& text) {
  const auto refused = [&](int line, const std::string& why) {
    return Error{Code::invalid,
                 "scenario " + std::string(name) + ", line " + std::to_string(line) + ": " + why};
  };
  try {
    const YAML::Node root = YAML::Load(text);
    check_keys(root, {"name", "turns"});
    Scenario scenario{root["name"].as<std::string>(std::string(name)), {}};
    if (!root["turns"].IsSequence()) refuse(root, "'turns' must be a list");
    for (const auto& turn : root["turns"]) {
      scenario.turns.push_back(read_turn(turn, scenario.turns.size() + 1));
    }
    return scenario;
  } catch (const Malformed& e) {
    return refused(e.line, e.why);
  } catch (const YAML::Exception& e) {
    return refused(e.mark.line + 1, e.msg);
  }
}

Result<Scenario> load_scenario(const std::string& file) {
  std::ifstream in(file);
  if (!in) return Error{Code::not_found, "scenario " + file + " cannot be read", file};
  std::stringstream text;
  text << in.rdbuf();
  return parse_scenario(file, text.str());
}

Result<Answer> ScriptedModel::ask(const Prompt& prompt, AnswerSink& sink,
                                  const std::stop_token& stop, Moment) {
  std::size_t given = 0;
  for (const PromptMessage& message : prompt.messages) given += message.role == Role::assistant;
  const std::string where = "scenario " + scenario_.name + ", turn " + std::to_string(given + 1);
  if (given >= scenario_.turns.size()) {
    return Error{Code::invalid, where + ": it has " + std::to_string(scenario_.turns.size()) +
                                    " turns; add one, or send no further message"};
  }
  const ScriptedTurn& turn = scenario_.turns[given];
  const auto results = last_results(prompt);
  for (const Expectation& expect : turn.expect) {
    if (auto why = broken(expect, results)) return Error{Code::invalid, where + ": " + *why};
  }
  Answer answer{fill(turn.text, results), turn.calls, StopReason::end_turn, {}};
  if (!answer.calls.empty()) answer.stop = StopReason::tool_use;
  stream_words(answer.text, sink);
  for (std::uint32_t i = 0; i < answer.calls.size(); ++i) {
    sink.on_call(i, answer.calls[i].tool);
    sink.on_call_input(i, answer.calls[i].input);
  }
  if (stop.stop_requested()) return Error{Code::timed_out, where + ": stopped"};
  answer.usage.output = answer.text.size() / 4 + 1;
  return answer;
}

}  // namespace outboard::harness
