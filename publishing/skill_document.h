// A skill's SKILL.md: its header, and the rules of the Agent Skills format. The one rule book: the
// server's writes, `outboard skills push` and `outboard skills lint` all ask here. [S22]
//
// Lint is strict, for what people write; loading is lenient, for what is stored already.
// Pure: text in, findings out.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outboard::publishing {

inline constexpr std::string_view kSkillFile = "SKILL.md";

// The format's own limits, in characters.
inline constexpr std::size_t kSkillNameMax = 64;
inline constexpr std::size_t kSkillDescriptionMax = 1024;
inline constexpr std::size_t kSkillCompatibilityMax = 500;

struct SkillHeader {
  std::string name;
  std::string description;
  std::map<std::string, std::string> metadata;
};

// One broken rule: where, the rule, the way out.
struct Finding {
  std::size_t line = 0;  // of SKILL.md, from 1
  std::string message;
};

struct LintedSkill {
  SkillHeader header;
  std::vector<Finding> findings;  // empty: it may be pushed
};

// `folder` is the name of the folder that holds `document`.
LintedSkill lint_skill(std::string_view folder, std::string_view document);

// What can be read of it; nothing when there is no header at all.
std::optional<SkillHeader> read_skill_header(std::string_view document);

}  // namespace outboard::publishing
