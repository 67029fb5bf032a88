#include "publishing/house_rules.h"

#include <algorithm>

#include "core/path.h"
#include "publishing/secret_scan.h"
#include "publishing/skill_document.h"

namespace outboard::publishing {
namespace {

std::string place_of(const Passage& passage, std::size_t at) {
  const std::string path(passage.path);
  if (passage.offset > 0) return "byte " + std::to_string(passage.offset + at) + " of " + path;
  const auto end = passage.text.begin() + static_cast<std::ptrdiff_t>(at);
  const auto line = 1 + std::count(passage.text.begin(), end, '\n');
  return "line " + std::to_string(line) + " of " + path;
}

}  // namespace

std::optional<std::string> HouseRules::skill_fault(std::string_view path,
                                                   std::string_view content) const {
  const std::string_view folder = split_last(path).first;
  if (folder == "/") {
    return std::string(path) +
           " is in no folder: a skill is a folder that holds its SKILL.md, as in "
           "/release-notes/SKILL.md";
  }
  const auto findings = lint_skill(split_last(folder).second, content).findings;
  if (findings.empty()) return std::nullopt;
  std::string fault =
      std::string(path) + ":" + std::to_string(findings[0].line) + ": " + findings[0].message;
  const std::size_t more = findings.size() - 1;
  if (more > 0) {
    fault += " (and " + std::to_string(more) + " more: `outboard skills lint` lists them)";
  }
  return fault;
}

std::optional<std::string> HouseRules::secret_fault(const Passage& passage) const {
  const auto found = find_secret(passage.text, passage.from, passage.to);
  if (!found) return std::nullopt;
  return place_of(passage, found->at) + " holds what looks like " + std::string(found->kind) +
         ": keep it out of shared files and write down where it is kept; in a made-up one write "
         "EXAMPLE";
}

}  // namespace outboard::publishing
