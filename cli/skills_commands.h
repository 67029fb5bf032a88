// skills: push folders into a volume, pull them back, list and check them.
#pragma once

#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

struct PushOptions {
  std::vector<std::string> folders;
  std::string volume;   // empty: <organisation>/skills, as in the next two
  bool remove = false;  // what is gone here goes there
  bool dry_run = false;
};
// Lints all first: one finding, and nothing is sent. Then sends of each skill what differs, as one
// batch where it fits; a refused skill ends it, and the message says what was pushed before.
Status push_skills(Context& context, const PushOptions& options);

struct PullOptions {
  std::string folder;
  std::vector<std::string> names;  // empty: all
  std::string volume;
  bool remove = false;  // what is gone there goes here
  bool dry_run = false;
};
Status pull_skills(Context& context, const PullOptions& options);

struct LintOptions {
  std::vector<std::string> folders;  // none: the volume's skills
  std::string volume;
};
// Prints each broken rule with its place; invalid when there is one.
Status lint_skills(Context& context, const LintOptions& options);

Status list_skills(Context& context, const std::string& volume);

}  // namespace outboard::cli
