// Skill folders: which skills the folders given to `skills push` hold, each linted.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/result.h"
#include "publishing/skill_document.h"

namespace outboard::cli {

using publishing::Finding;
using publishing::kSkillFile;

struct SkillFolder {
  std::string name;  // of the folder, and of the skill when it passed the lint
  std::filesystem::path path;
  std::vector<Finding> findings;
};

struct SkillFolders {
  std::vector<SkillFolder> skills;  // by name
  bool collection = false;          // a folder of skills was given, not single ones only
};

// A folder with a SKILL.md is a skill; of any other, each folder in it that has one.
// not_found: no such folder, or no skill in it. exists: two of one name.
Result<SkillFolders> find_skills(const std::vector<std::string>& folders);

}  // namespace outboard::cli
