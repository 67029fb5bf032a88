#include "harness/hosting/model_shelf.h"

#include "harness/models/anthropic.h"
#include "harness/models/scripted.h"
#include "harness/session/agent_choice.h"

namespace outboard::harness {
namespace {

constexpr const char* kAnthropicStandard = "anthropic:claude-sonnet-4-5";

}  // namespace

std::string provider_name(const std::string& model) {
  constexpr std::string_view kAnthropic = "anthropic:";
  return model.starts_with(kAnthropic) ? model.substr(kAnthropic.size()) : model;
}

Result<std::unique_ptr<ModelShelf>> ModelShelf::open(const ModelConfig& config) {
  std::unique_ptr<ModelShelf> shelf(new ModelShelf(config));
  const auto key = read_model_key(config.anthropic_key_file);
  if (key) {
    AnthropicConfig anthropic;
    if (!config.anthropic_url.empty()) anthropic.url = config.anthropic_url;
    anthropic.ca_file = config.anthropic_ca_file;
    // Read again each time, so that a renewed key is used at once; the environment does not change.
    anthropic.key = [file = config.anthropic_key_file] {
      return read_model_key(file).value_or(std::string());
    };
    shelf->anthropic_ = std::make_shared<AnthropicModel>(std::move(anthropic));
  } else if (!config.anthropic_key_file.empty()) {
    return key.error();
  }
  shelf->standard_ = config.standard;
  if (config.standard.empty() && key) shelf->standard_ = kAnthropicStandard;
  if (!shelf->standard_.empty()) {
    if (auto there = shelf->find(shelf->standard_); !there) return std::move(there).error();
  }
  return shelf;
}

Result<std::shared_ptr<Model>> ModelShelf::find(const std::string& text) const {
  if (text.empty()) {
    return Error{Code::invalid,
                 "no model: this harness has no key for one; name one for the session "
                 "(--model scripted:FILE), or start the harness with ANTHROPIC_API_KEY set"};
  }
  auto name = parse_model(text);
  if (!name) return std::move(name).error();
  if (name->provider == "anthropic") {
    if (anthropic_) return anthropic_;
    return Error{Code::unsupported,
                 "this harness has no key for " + text +
                     "; start it with ANTHROPIC_API_KEY set or --anthropic-key-file",
                 text};
  }
  if (!config_.scenarios && text != config_.standard) {
    return Error{Code::no_access, "this harness replays no scenarios that a session names", text};
  }
  auto scenario = load_scenario(name->name);
  if (!scenario) return std::move(scenario).error();
  return std::shared_ptr<Model>(std::make_shared<ScriptedModel>(*std::move(scenario)));
}

Status ModelShelf::check(const std::string& name) const {
  auto found = find(name);
  if (!found) return std::move(found).error();
  return success();
}

}  // namespace outboard::harness
