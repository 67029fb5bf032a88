#include <algorithm>
#include <ostream>

#include "cli/remote_tree.h"
#include "cli/skill_folders.h"
#include "cli/skills_commands.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

struct Linted {
  std::size_t skills = 0;
  std::size_t broken = 0;
};

void print_findings(Context& context, const std::string& place,
                    const std::vector<Finding>& findings, Linted& linted) {
  Screen& screen = context.screen();
  ++linted.skills;
  if (!findings.empty()) ++linted.broken;
  for (const Finding& finding : findings) {
    screen.out() << screen.paint(Colour::bold,
                                 printable(place) + ":" + std::to_string(finding.line))
                 << ": " << finding.message << "\n";
  }
}

Result<Linted> lint_folders(Context& context, const std::vector<std::string>& folders) {
  auto found = find_skills(folders);
  if (!found) return found.error();
  Linted linted;
  for (const SkillFolder& skill : found->skills) {
    print_findings(context, (skill.path / kSkillFile).string(), skill.findings, linted);
  }
  return linted;
}

Result<Linted> lint_volume(Context& context, const std::string& named) {
  auto volume = context.open_volume(named, "skills");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto tree = read_tree(context, **store, *volume, {"/"}, 1);
  if (!tree) return tree.error();
  Linted linted;
  for (const auto& [path, node] : tree->nodes) {
    if (path == "/" || !node.is(Kind::file)) continue;
    const auto [parent, name] = split_last(path);
    if (name != kSkillFile || parent == "/") continue;
    const std::string place = volume->name + ":" + path;
    if (node.attributes.size > kSkillDocumentBytesMax) {
      print_findings(context, place, {{1, "it is too long to be checked"}}, linted);
      continue;
    }
    std::string document;
    auto read =
        read_content(context, **store, volume->id, node, [&](std::string_view part) -> Status {
          document += part;
          return success();
        });
    if (!read) return read.error();
    const std::string folder(split_last(parent).second);
    print_findings(context, place, publishing::lint_skill(folder, document).findings, linted);
  }
  return linted;
}

}  // namespace

Status lint_skills(Context& context, const LintOptions& options) {
  auto linted = options.folders.empty() ? lint_volume(context, options.volume)
                                        : lint_folders(context, options.folders);
  if (!linted) return linted.error();
  if (linted->broken > 0) {
    return Error{Code::invalid, std::to_string(linted->broken) + " of " +
                                    counted(linted->skills, "skill") +
                                    " broke the rules of the format, as said above"};
  }
  context.screen().out() << counted(linted->skills, "skill") << ", all in order\n";
  return success();
}

}  // namespace outboard::cli
