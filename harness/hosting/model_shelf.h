// ModelShelf: the models that this harness can ask, by name: "anthropic:NAME", "scripted:FILE".
//
// main → ModelShelf → hosted sessions, and the api, which refuses what is not here. Any thread.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "harness/models/model.h"

namespace outboard::harness {

struct ModelConfig {
  std::string standard;  // what a session runs that names none; empty: Anthropic's, with a key
  std::string anthropic_key_file;  // empty: the environment's ANTHROPIC_API_KEY
  std::string anthropic_url;       // empty: the provider's own
  std::string anthropic_ca_file;   // PEM; empty: what the system trusts
  bool scenarios = true;           // files that a session names may be replayed
};

class ModelShelf {
 public:
  // invalid: a standard model that cannot be asked.
  static Result<std::unique_ptr<ModelShelf>> open(const ModelConfig& config);

  // Empty: there is none; sessions must name one.
  const std::string& standard() const { return standard_; }
  // invalid, unauthenticated, unsupported: why it cannot be asked here, and the way out.
  Result<std::shared_ptr<Model>> find(const std::string& name) const;
  Status check(const std::string& name) const;

 private:
  explicit ModelShelf(const ModelConfig& config) : config_(config) {}

  const ModelConfig config_;
  std::string standard_;
  std::shared_ptr<Model> anthropic_;  // null: there is no key
};

// As the provider knows it: "claude-…" of "anthropic:claude-…".
std::string provider_name(const std::string& model);

}  // namespace outboard::harness
