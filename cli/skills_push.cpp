#include <algorithm>
#include <array>
#include <cstdio>
#include <ostream>

#include "cli/local_tree.h"
#include "cli/progress.h"
#include "cli/push.h"
#include "cli/push_plan.h"
#include "cli/remote_tree.h"
#include "cli/skill_folders.h"
#include "cli/skills_commands.h"

namespace outboard::cli {
namespace {

struct SkillPlan {
  std::string name;
  PushPlan plan;
  bool is_new = false;
  bool goes = false;  // the whole skill is removed
};

Status check_findings(Screen& screen, const std::vector<SkillFolder>& skills) {
  std::size_t broken = 0;
  for (const SkillFolder& skill : skills) {
    if (!skill.findings.empty()) ++broken;
    for (const Finding& finding : skill.findings) {
      const std::string place =
          printable((skill.path / kSkillFile).string()) + ":" + std::to_string(finding.line);
      screen.err() << screen.paint_error(Colour::bold, place) << ": " << finding.message << "\n";
    }
  }
  if (broken == 0) return success();
  return Error{Code::invalid, "nothing was pushed: " + std::to_string(broken) + " of " +
                                  counted(skills.size(), "skill") +
                                  " broke the rules of the format, as said above"};
}

// Skills of the volume that are not among `skills`.
std::vector<std::string> gone_skills(const RemoteTree& tree,
                                     const std::vector<SkillFolder>& skills) {
  std::vector<std::string> gone;
  for (const auto& [path, node] : tree.nodes) {
    const std::string name = path.substr(1);
    if (path == "/" || name.find('/') != std::string::npos) continue;
    if (!tree.nodes.contains(path + "/" + std::string(kSkillFile))) continue;
    const bool here = std::any_of(skills.begin(), skills.end(),
                                  [&](const SkillFolder& skill) { return skill.name == name; });
    if (!here) gone.push_back(name);
  }
  return gone;
}

Result<std::vector<SkillPlan>> plan_all(Context& context, Store& store, const Volume& volume,
                                        const SkillFolders& found, const PushOptions& options) {
  LocalTree local;
  std::vector<std::string> roots;
  for (const SkillFolder& skill : found.skills) {
    roots.push_back("/" + skill.name);
    if (auto added = add_folder(local, skill.path, roots.back()); !added) return added.error();
  }
  const bool remove_skills = options.remove && found.collection;
  if (remove_skills) roots = {"/"};
  const auto directories = static_cast<std::size_t>(std::count_if(
      local.begin(), local.end(), [](const auto& node) { return node.second.is_directory(); }));
  auto remote = read_tree(context, store, volume, roots, directories);
  if (!remote) return remote.error();
  const SameContent same = [&](const LocalNode& here, const Node& there) {
    return has_content(context, store, volume.id, there, here.size, here.digest);
  };
  PlanRules rules;
  rules.remove = options.remove;
  std::vector<SkillPlan> plans;
  const auto add = [&](const std::string& name, bool goes) -> Status {
    auto plan = plan_push(local, remote->nodes, "/" + name, rules, same);
    if (!plan) return plan.error();
    plans.push_back({name, std::move(*plan), !remote->nodes.contains("/" + name), goes});
    return success();
  };
  for (const SkillFolder& skill : found.skills) {
    if (auto added = add(skill.name, false); !added) return added.error();
  }
  if (remove_skills) {
    for (const std::string& name : gone_skills(*remote, found.skills)) {
      if (auto added = add(name, true); !added) return added.error();
    }
  }
  return plans;
}

std::string summary_of(const SkillPlan& skill) {
  const PushPlan& plan = skill.plan;
  if (plan.empty()) return "up to date, " + counted(plan.unchanged, "file");
  std::string text = skill.is_new ? "new" : skill.goes ? "gone" : "";
  const auto count = [&](std::uint64_t number, std::string_view what) {
    if (number == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(number) + " " + std::string(what);
  };
  if (skill.is_new) {
    text += ", " + counted(plan.added, "file");
  } else {
    count(plan.added, "added");
  }
  count(plan.changed, "changed");
  count(plan.removed, "removed");
  if (plan.left != 0) text += ", " + std::to_string(plan.left) + " only there (--delete)";
  if (plan.bytes != 0) text += ", " + readable_size(plan.bytes);
  return text;
}

std::string line_of(const Screen& screen, const SkillPlan& skill, std::size_t width) {
  const bool same = skill.plan.empty();
  const std::string sign = same ? "=" : skill.goes ? "-" : skill.is_new ? "+" : "~";
  const Colour colour = same           ? Colour::dim
                        : skill.goes   ? Colour::red
                        : skill.is_new ? Colour::green
                                       : Colour::yellow;
  std::string name = printable(skill.name);
  name.resize(std::max(name.size(), width), ' ');
  return "  " + screen.paint(colour, sign) + " " +
         screen.paint(same ? Colour::dim : Colour::bold, name) + "  " +
         screen.paint(same ? Colour::dim : Colour::plain, summary_of(skill));
}

struct Totals {
  std::uint64_t steps = 0;
  std::uint64_t bytes = 0;
  std::size_t changed = 0;
  std::size_t width = 0;
};

Totals totals_of(const std::vector<SkillPlan>& plans) {
  Totals totals;
  for (const SkillPlan& skill : plans) {
    totals.steps += skill.plan.steps.size();
    totals.bytes += skill.plan.bytes;
    if (!skill.plan.empty()) ++totals.changed;
    totals.width = std::max(totals.width, skill.name.size());
  }
  return totals;
}

// Pushes each in turn; the seq of the last change.
Result<Seq> push_each(Context& context, Store& store, VolumeId volume,
                      const std::vector<SkillPlan>& plans, const Totals& totals) {
  Screen& screen = context.screen();
  Progress progress(screen, totals.steps, totals.bytes);
  std::size_t done = 0;
  Seq last;
  for (const SkillPlan& skill : plans) {
    if (!skill.plan.empty()) {
      progress.show(skill.name);
      auto pushed =
          push(context, store, volume, skill.plan,
               {[&](std::uint64_t steps, std::uint64_t bytes) { progress.advance(steps, bytes); }});
      if (!pushed) {
        Error error = pushed.error();
        error.message = "skill " + skill.name + ": " + error.message + " (" +
                        counted(done, "skill") + " pushed before it; pushing again goes on)";
        return error;
      }
      ++done;
      last = std::max(last, pushed->seq);
      for (const std::string& warning : pushed->warnings) {
        progress.say(screen.paint(Colour::yellow, "  ! ") + printable(warning));
      }
      for (const std::string& path : pushed->overridden) {
        progress.say(screen.paint(Colour::yellow, "  ! ") + printable(path) +
                     " was changed by somebody else meanwhile; their version is in its history");
      }
    }
    progress.say(line_of(screen, skill, totals.width));
  }
  return last;
}

}  // namespace

Status push_skills(Context& context, const PushOptions& options) {
  const Moment start = context.clock().now();
  auto found = find_skills(options.folders);
  if (!found) return found.error();
  Screen& screen = context.screen();
  if (auto good = check_findings(screen, found->skills); !good) return good;
  auto volume = context.open_volume(options.volume, "skills");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto plans = plan_all(context, **store, *volume, *found, options);
  if (!plans) return plans.error();
  const Totals totals = totals_of(*plans);
  const std::string target = screen.paint(Colour::bold, printable(volume->name));
  if (options.dry_run) {
    for (const SkillPlan& skill : *plans) {
      screen.out() << line_of(screen, skill, totals.width) << "\n";
    }
    screen.out() << "would push " << totals.changed << " of " << counted(plans->size(), "skill")
                 << " to " << target << ", " << readable_size(totals.bytes)
                 << "; nothing was sent (--dry-run)\n";
    return success();
  }
  auto seq = push_each(context, **store, volume->id, *plans, totals);
  if (!seq) return seq.error();
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%.2f s",
                std::chrono::duration<double>(context.clock().now() - start).count());
  screen.out() << "pushed " << totals.changed << " of " << counted(plans->size(), "skill") << " to "
               << target << ", " << readable_size(totals.bytes);
  if (*seq) screen.out() << ", now at seq " << to_string(*seq);
  screen.out() << ", " << seconds.data() << "\n";
  return success();
}

}  // namespace outboard::cli
