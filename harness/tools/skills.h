// The catalogue of skills for a system prompt: name, description, where its SKILL.md is. Bodies are
// read when a model wants them.
//
// Store → skill_catalogue → the system prompt, once a session. Lenient: a skill whose front matter
// cannot be read is named with its folder; linting is the store's business. Any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"
#include "harness/tools/volume_files.h"

namespace outboard::harness {

struct Skill {
  std::string name;
  std::string description;
  std::string location;  // "/skills/word-count/SKILL.md"
  friend bool operator==(const Skill&, const Skill&) = default;
};

// The skills of one volume, by name of their folders; at most kCatalogueSkillsMax.
Result<std::vector<Skill>> find_skills(VolumeFiles& files, const Mapping& mapping, Moment deadline);

// name and description out of a SKILL.md's front matter; empty where they are not there.
Skill read_front_matter(std::string_view skill_md);

// As the prompt says it; empty when there are none.
std::string skill_catalogue(const std::vector<Skill>& skills);

}  // namespace outboard::harness
