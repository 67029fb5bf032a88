#include "harness/tools/skills.h"

#include <yaml-cpp/yaml.h>

#include "core/limits.h"
#include "core/path.h"
#include "harness/session/event.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

constexpr std::string_view kFence = "---\n";
constexpr std::string_view kSkillFile = "SKILL.md";
// Description of a skill, by the format's rules.
constexpr std::size_t kDescriptionBytesMax = 1'024;

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '&': out += "&amp;"; break;
      default: out += c;
    }
  }
  return out;
}

}  // namespace

Skill read_front_matter(std::string_view text) {
  Skill skill;
  if (!text.starts_with(kFence)) return skill;
  const std::size_t end = text.find("\n---", kFence.size() - 1);
  if (end == std::string_view::npos) return skill;
  try {
    const YAML::Node root =
        YAML::Load(std::string(text.substr(kFence.size(), end + 1 - kFence.size())));
    if (!root.IsMap()) return skill;
    skill.name = root["name"].as<std::string>("");
    skill.description = clip(root["description"].as<std::string>(""), kDescriptionBytesMax);
  } catch (const YAML::Exception&) {
    return {};
  }
  return skill;
}

Result<std::vector<Skill>> find_skills(VolumeFiles& files, const Mapping& mapping,
                                       Moment deadline) {
  auto page = files.list({mapping.volume, "/", false}, deadline);
  if (!page) return std::move(page).error();
  std::vector<Skill> skills;
  std::vector<ContentKey> keys;
  for (const Entry& entry : page->value.entries) {
    if (!entry.node.is(Kind::directory) || entry.dentry.name.starts_with('.')) continue;
    if (skills.size() == kCatalogueSkillsMax) break;
    const std::string path = join(join("/", entry.dentry.name), kSkillFile);
    auto file = files.lookup({mapping.volume, path, false}, deadline);
    if (!file && file.error().code == Code::not_found) continue;
    if (!file) return std::move(file).error();
    if (!file->value.node.is(Kind::file)) continue;
    skills.push_back({entry.dentry.name, "", mapping.path + path});
    keys.push_back({file->value.node.inode, file->value.node.version});
  }
  if (keys.empty()) return skills;
  auto bodies = files.read_many(mapping.volume, keys, deadline);
  if (!bodies) return std::move(bodies).error();
  for (std::size_t i = 0; i < skills.size(); ++i) {
    if (!(*bodies)[i]) continue;
    const Skill read = read_front_matter((*bodies)[i]->bytes);
    if (!read.name.empty()) skills[i].name = read.name;
    skills[i].description = read.description;
  }
  return skills;
}

std::string skill_catalogue(const std::vector<Skill>& skills) {
  if (skills.empty()) return {};
  std::string text =
      "<available_skills>\nBefore a task that one of these fits, read its SKILL.md.\n";
  for (const Skill& skill : skills) {
    text += "<skill><name>" + escaped(skill.name) + "</name><description>" +
            escaped(skill.description) + "</description><location>" + escaped(skill.location) +
            "</location></skill>\n";
  }
  return text + "</available_skills>\n";
}

}  // namespace outboard::harness
