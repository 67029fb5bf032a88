#include "cli/skill_folders.h"

#include <algorithm>

#include "cli/local_files.h"
#include "cli/local_tree.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kDocumentBytesMax = 1U << 20U;  // a SKILL.md is a few pages

Result<SkillFolder> read_skill(const fs::path& folder) {
  SkillFolder skill{folder.filename().string(), folder, {}};
  auto document = read_file(folder / kSkillFile, kDocumentBytesMax);
  if (!document) return document.error();
  skill.findings = publishing::lint_skill(skill.name, *document).findings;
  return skill;
}

bool is_skill(const fs::path& folder) {
  std::error_code ignored;
  return fs::exists(folder / kSkillFile, ignored);
}

Status add_collection(const fs::path& folder, SkillFolders& found) {
  const std::size_t before = found.skills.size();
  std::error_code failed;
  fs::directory_iterator names(folder, failed);
  for (; !failed && names != fs::directory_iterator(); names.increment(failed)) {
    if (is_clutter(names->path().filename().string()) || !is_skill(names->path())) continue;
    auto skill = read_skill(names->path());
    if (!skill) return skill.error();
    found.skills.push_back(std::move(*skill));
  }
  if (failed) return system_error("read", folder, failed.value());
  if (found.skills.size() == before) {
    return Error{Code::not_found,
                 "there is no skill in " + folder.string() + ": give a folder that holds a " +
                     "SKILL.md, or a folder of such folders",
                 folder.string()};
  }
  found.collection = true;
  return success();
}

}  // namespace

Result<SkillFolders> find_skills(const std::vector<std::string>& folders) {
  SkillFolders found;
  for (const std::string& given : folders) {
    std::error_code failed;
    const fs::path folder = fs::canonical(given, failed);
    if (failed) return system_error("read", given, failed.value());
    if (!fs::is_directory(folder, failed)) {
      return Error{Code::not_directory,
                   given + " is a file: give the folder that holds the SKILL.md", given};
    }
    if (!is_skill(folder)) {
      if (auto added = add_collection(folder, found); !added) return added.error();
      continue;
    }
    auto skill = read_skill(folder);
    if (!skill) return skill.error();
    found.skills.push_back(std::move(*skill));
  }
  const auto by_name = [](const SkillFolder& a, const SkillFolder& b) { return a.name < b.name; };
  std::sort(found.skills.begin(), found.skills.end(), by_name);
  const auto same = [](const SkillFolder& a, const SkillFolder& b) { return a.name == b.name; };
  const auto twice = std::adjacent_find(found.skills.begin(), found.skills.end(), same);
  if (twice != found.skills.end()) {
    return Error{Code::exists,
                 "two folders hold a skill named \"" + twice->name + "\", " + twice->path.string() +
                     " and " + std::next(twice)->path.string() + ": push one of them",
                 twice->name};
  }
  return found;
}

}  // namespace outboard::cli
