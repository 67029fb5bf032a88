#include <algorithm>
#include <ostream>
#include <set>

#include "cli/place.h"
#include "cli/progress.h"
#include "cli/push.h"
#include "cli/remote_tree.h"
#include "cli/source.h"
#include "cli/tree_base.h"
#include "cli/tree_commands.h"
#include "cli/tree_report.h"

namespace outboard::cli {
namespace {

Sha256 digest_of(const LocalNode& node) {
  return node.kind == Kind::symlink ? sha256(node.target) : node.digest;
}

// What speaks against a step, by what folder and volume had in common; empty: nothing.
std::string_view objection(const TreeBase& base, const std::string& top, const PushStep& step) {
  const bool directory = step.remote ? step.remote->is(Kind::directory) : step.local.is_directory();
  if (!base.met() || directory) return {};
  const auto common = base.at(path_within(top, step.path));
  if (!step.remote) {
    const bool replaces_link = step.local.kind == Kind::symlink;
    return common && !replaces_link ? "was removed there since the last pull" : "";
  }
  if (!common) return "was added there since the last pull";
  const bool link = step.remote->is(Kind::symlink);
  if (link && common->digest != sha256(step.remote->target)) return "was changed there";
  if (!link && common->version != step.remote->version) {
    return "was changed there since the last pull";
  }
  return {};
}

std::vector<TreeConflict> conflicts_of(const TreeBase& base, const std::string& top,
                                       const PushPlan& plan) {
  std::vector<TreeConflict> conflicts;
  for (const PushStep& step : plan.steps) {
    const std::string_view why = objection(base, top, step);
    if (!why.empty()) conflicts.push_back({step.path, std::string(why)});
  }
  return conflicts;
}

void print_plan(Screen& screen, const PushPlan& plan) {
  for (const PushStep& step : plan.steps) {
    std::string note;
    char sign = '~';
    if (step.deed == Deed::add) sign = '+';
    if (step.deed == Deed::remove) sign = '-';
    if (step.deed == Deed::attributes) note = "mode or attributes";
    if (step.deed != Deed::remove && step.local.kind == Kind::symlink) {
      note = "-> " + printable(step.local.target);
    } else if (!step.local.link_of.empty()) {
      note = "= " + printable(step.local.link_of);
    } else if (step.deed == Deed::add || step.deed == Deed::change) {
      note = step.local.is_directory() ? "directory" : readable_size(step.local.size);
    }
    screen.out() << tree_line(screen, sign, step.path, note) << "\n";
  }
}

// What is the same on both sides is common from now on.
void note_unchanged(TreeBase& base, const std::string& top, const LocalTree& local,
                    const RemoteTree& remote, const PushPlan& plan) {
  std::set<std::string_view> touched;
  for (const PushStep& step : plan.steps) touched.insert(step.path);
  for (const auto& [path, node] : local) {
    if (node.is_directory() || touched.contains(path)) continue;
    const auto there = remote.nodes.find(path);
    if (there == remote.nodes.end()) continue;
    base.set(path_within(top, path), {there->second.version, digest_of(node)});
  }
}

class TreePush {
 public:
  TreePush(Context& context, const TreePushOptions& options, Store& store, const OpenPlace& place)
      : context_(context), options_(options), store_(store), place_(place) {}

  Status run() {
    const Moment start = context_.clock().now();
    if (auto read = read_source(); !read) return read;
    auto plan = make_plan();
    if (!plan) return plan.error();
    const auto conflicts =
        base_ ? conflicts_of(*base_, place_.path, *plan) : std::vector<TreeConflict>();
    if (options_.dry_run) print_plan(context_.screen(), *plan);
    if (!conflicts.empty() && !options_.force) {
      return refuse_conflicts(context_.screen(), conflicts,
                              "nothing was sent; pull first and look at them, or push with "
                              "--force to replace what is there (history keeps it)");
    }
    if (options_.dry_run) return report(*plan, {}, start);
    auto pushed = carry_out(*plan);
    if (base_) {
      if (auto saved = base_->save(); !saved) return saved;
    }
    if (!pushed) return pushed.error();
    return report(*plan, *pushed, start);
  }

 private:
  Status read_source() {
    auto source = open_source(options_.source, place_.path, {options_.excluded, options_.clutter},
                              context_.in());
    if (!source) return source.error();
    source_.emplace(*std::move(source));
    if (!source_->folder) return success();
    auto state = state_folder([this](const char* name) { return context_.variable(name); });
    if (!state) return state.error();
    auto base = TreeBase::load(*state, *source_->folder, name_of(context_, place_));
    if (!base) return base.error();
    base_.emplace(*std::move(base));
    return success();
  }

  Result<PushPlan> make_plan() {
    const auto directories = static_cast<std::size_t>(
        std::count_if(source_->tree.begin(), source_->tree.end(),
                      [](const auto& node) { return node.second.is_directory(); }));
    auto remote = read_tree(context_, store_, place_.volume, {place_.path}, directories);
    if (!remote) return remote.error();
    auto excluded = Exclusions::compile(options_.excluded);
    if (!excluded) return excluded.error();
    std::erase_if(remote->nodes, [&](const auto& node) {
      return excluded->take(path_within(place_.path, node.first));
    });
    PlanRules rules;
    rules.remove = options_.remove;
    rules.each = true;
    rules.xattrs = [this](const Node& node) -> Result<Xattrs> {
      auto read = store_.xattrs(context_.call(), place_.volume.id, node.inode);
      if (!read) return read.error();
      return std::move(read->value);
    };
    const SameContent same = [this](const LocalNode& here, const Node& there) {
      return has_content(context_, store_, place_.volume.id, there, here.size, here.digest);
    };
    auto plan = plan_push(source_->tree, remote->nodes, place_.path, rules, same);
    if (plan && base_) note_unchanged(*base_, place_.path, source_->tree, *remote, *plan);
    return plan;
  }

  Result<Pushed> carry_out(const PushPlan& plan) {
    Progress progress(context_.screen(), plan.steps.size(), plan.bytes);
    std::size_t steps_done = 0;
    const PushWatch watch{[&](std::uint64_t steps, std::uint64_t bytes) {
                            steps_done += steps;
                            if (steps_done < plan.steps.size()) {
                              progress.show(plan.steps[steps_done].path);
                            }
                            progress.advance(steps, bytes);
                          },
                          [this](const PushStep& step, const Node* now) { note(step, now); }};
    auto pushed = push(context_, store_, place_.volume.id, plan, watch, !options_.force);
    if (pushed) return pushed;
    Error error = pushed.error();
    if (error.code == Code::conflict) {
      error.message += "; somebody else was quicker: push again to see what they changed";
    }
    if (steps_done > 0) {
      error.message += " (" + std::to_string(steps_done) + " of " +
                       std::to_string(plan.steps.size()) +
                       " changes were made before it; pushing again goes on)";
    }
    return error;
  }

  void note(const PushStep& step, const Node* now) {
    if (!base_ || step.local.is_directory()) return;
    const std::string path = path_within(place_.path, step.path);
    if (now == nullptr) return base_->drop(path);
    base_->set(path, {now->version, digest_of(step.local)});
  }

  Status report(const PushPlan& plan, const Pushed& pushed, Moment start) {
    Screen& screen = context_.screen();
    TreeCounts counts;
    counts.add(plan.added, "added");
    counts.add(plan.changed, "changed");
    counts.add(plan.removed, "removed");
    counts.add(plan.unchanged, "up to date");
    counts.add(plan.left, "only there (--delete removes them)");
    screen.out() << (options_.dry_run ? "would push to " : "pushed to ")
                 << screen.paint(Colour::bold, printable(place_.volume.name + ":" + place_.path))
                 << ": " << (counts.text().empty() ? "no files" : counts.text()) << ", "
                 << readable_size(plan.bytes);
    if (pushed.seq) screen.out() << ", now at seq " << to_string(pushed.seq);
    screen.out() << (options_.dry_run ? "; nothing was sent (--dry-run)"
                                      : ", " + seconds_since(context_, start))
                 << "\n";
    for (const std::string& path : pushed.overridden) {
      screen.out() << tree_line(screen, '!', path,
                                "was changed by somebody else meanwhile; see its history")
                   << "\n";
    }
    return success();
  }

  Context& context_;
  const TreePushOptions& options_;
  Store& store_;
  const OpenPlace& place_;
  std::optional<Source> source_;
  std::optional<TreeBase> base_;  // of a plain folder
};

}  // namespace

Status push_tree(Context& context, const TreePushOptions& options) {
  auto place = open_place(context, options.place);
  if (!place) return place.error();
  auto store = context.store();
  if (!store) return store.error();
  return TreePush(context, options, **store, *place).run();
}

}  // namespace outboard::cli
