#include <algorithm>
#include <filesystem>
#include <ostream>

#include "cli/local_files.h"
#include "cli/local_tree.h"
#include "cli/progress.h"
#include "cli/remote_tree.h"
#include "cli/skills_commands.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

// Contents that are fetched together, and the size from which one goes alone.
constexpr std::uint64_t kGroupBytes = 8U << 20U;
constexpr std::uint64_t kAloneBytes = 1U << 20U;
constexpr std::size_t kGroupFiles = std::min<std::size_t>(256, kReadManyMax);

struct Wanted {
  std::string path;
  Node node;
};

struct PullPlan {
  std::vector<Wanted> directories;
  std::vector<Wanted> links;
  std::vector<Wanted> files;
  std::vector<std::string> gone;  // children before their parents
  std::uint64_t bytes = 0;
  std::uint64_t unchanged = 0;

  bool empty() const {
    return directories.empty() && links.empty() && files.empty() && gone.empty();
  }
};

bool executable(const Node& node) {
  return (node.attributes.mode & 0111U) != 0;
}

bool same_here(const LocalNode& here, const Node& there) {
  if (here.kind != there.kind) return false;
  if (here.kind == Kind::symlink) return here.target == there.target;
  if (here.kind == Kind::directory) return true;
  return there.digest && here.digest == *there.digest && here.executable == executable(there);
}

Status consider(const LocalTree& local, const std::string& path, const Node& node, PullPlan& plan) {
  const auto here = local.find(path);
  if (here != local.end() && same_here(here->second, node)) {
    if (!node.is(Kind::directory)) ++plan.unchanged;
    return success();
  }
  const bool here_directory = here != local.end() && here->second.is_directory();
  if (here != local.end() && here_directory != node.is(Kind::directory)) {
    return Error{Code::exists,
                 here->second.source.string() + " is " +
                     (here_directory ? "a directory here and none" : "no directory here but one") +
                     " in the volume: move it away, then pull again",
                 path};
  }
  if (node.is(Kind::directory)) plan.directories.push_back({path, node});
  if (node.is(Kind::symlink)) plan.links.push_back({path, node});
  if (node.is(Kind::file)) {
    plan.files.push_back({path, node});
    plan.bytes += node.attributes.size;
  }
  return success();
}

// What `names` (empty: all skills) are in the volume. not_found: one of them is not.
Result<RemoteTree> read_skills(Context& context, Store& store, const Volume& volume,
                               const std::vector<std::string>& names) {
  std::vector<std::string> roots;
  for (const std::string& name : names) {
    if (auto good = check_name(name); !good) return good.error();
    roots.push_back("/" + name);
  }
  if (roots.empty()) roots.push_back("/");
  auto tree = read_tree(context, store, volume, roots, roots.size() * 4);
  if (!tree) return tree;
  for (const std::string& root : roots) {
    if (tree->nodes.contains(root)) continue;
    return Error{Code::not_found,
                 "there is no skill \"" + root.substr(1) + "\" in " + volume.name +
                     ": `outboard skills list` shows those there are",
                 root};
  }
  return tree;
}

Result<PullPlan> plan_pull(const RemoteTree& tree, const fs::path& folder, bool remove) {
  LocalTree local;
  for (const auto& [path, node] : tree.nodes) {
    if (path == "/" || path.find('/', 1) != std::string::npos) continue;  // skills only
    const fs::path here = folder / path.substr(1);
    std::error_code failed;
    if (!fs::is_directory(fs::symlink_status(here, failed))) continue;
    if (auto added = add_folder(local, here, path); !added) return added.error();
  }
  PullPlan plan;
  for (const auto& [path, node] : tree.nodes) {
    if (path == "/") continue;
    if (auto good = consider(local, path, node, plan); !good) return good.error();
  }
  if (!remove) return plan;
  for (auto here = local.rbegin(); here != local.rend(); ++here) {
    if (!tree.nodes.contains(here->first)) plan.gone.push_back(here->first);
  }
  return plan;
}

Status fetch_alone(Context& context, Store& store, VolumeId volume, const Wanted& file,
                   TargetFolder& target) {
  std::string bytes;
  bytes.reserve(file.node.attributes.size);
  auto read = read_content(context, store, volume, file.node, [&](std::string_view part) {
    bytes += part;
    return success();
  });
  if (!read) return read;
  return target.put_file(file.path, bytes, executable(file.node));
}

Status fetch_group(Context& context, Store& store, VolumeId volume,
                   const std::vector<const Wanted*>& group, TargetFolder& target) {
  std::vector<ContentKey> keys;
  for (const Wanted* file : group) keys.push_back({file->node.inode, file->node.version});
  auto contents = store.read_many(context.call(), volume, keys);
  if (!contents) return contents.error();
  for (std::size_t i = 0; i < group.size(); ++i) {
    const Result<Content>& content = contents->value[i];
    if (!content) return content.error();
    auto put = target.put_file(group[i]->path, content->bytes, executable(group[i]->node));
    if (!put) return put;
  }
  return success();
}

Status fetch_files(Context& context, Store& store, VolumeId volume, const PullPlan& plan,
                   TargetFolder& target) {
  Progress progress(context.screen(), plan.files.size(), plan.bytes);
  for (std::size_t at = 0; at < plan.files.size();) {
    const std::size_t first = at;
    std::uint64_t bytes = plan.files[at].node.attributes.size;
    progress.show(plan.files[at].path);
    Status fetched = success();
    if (bytes > kAloneBytes) {
      fetched = fetch_alone(context, store, volume, plan.files[at++], target);
    } else {
      std::vector<const Wanted*> group = {&plan.files[at++]};
      while (at < plan.files.size() && group.size() < kGroupFiles &&
             plan.files[at].node.attributes.size <= kAloneBytes && bytes < kGroupBytes) {
        bytes += plan.files[at].node.attributes.size;
        group.push_back(&plan.files[at++]);
      }
      fetched = fetch_group(context, store, volume, group, target);
    }
    if (!fetched) return fetched;
    progress.advance(at - first, bytes);
  }
  return success();
}

Status carry_out(Context& context, Store& store, VolumeId volume, const PullPlan& plan,
                 const fs::path& folder) {
  auto target = TargetFolder::open(folder);
  if (!target) return target.error();
  for (const std::string& path : plan.gone) {
    auto removed = target->remove(path);
    // A directory that still holds what pushing passes over stays.
    if (!removed && removed.error().code != Code::not_empty) return removed;
  }
  for (const Wanted& directory : plan.directories) {
    if (auto made = target->make_directory(directory.path); !made) return made;
  }
  if (auto fetched = fetch_files(context, store, volume, plan, *target); !fetched) return fetched;
  // Links last: nothing is written through them.
  for (const Wanted& link : plan.links) {
    if (auto made = target->put_symlink(link.path, link.node.target); !made) return made;
  }
  return success();
}

}  // namespace

Status pull_skills(Context& context, const PullOptions& options) {
  auto volume = context.open_volume(options.volume, "skills");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto tree = read_skills(context, **store, *volume, options.names);
  if (!tree) return tree.error();
  auto plan = plan_pull(*tree, options.folder, options.remove);
  if (!plan) return plan.error();
  Screen& screen = context.screen();
  if (!options.dry_run) {
    auto done = carry_out(context, **store, volume->id, *plan, options.folder);
    if (!done) return done;
  }
  const std::size_t files = plan->files.size() + plan->links.size();
  screen.out() << (options.dry_run ? "would pull " : "pulled ") << counted(files, "file") << " ("
               << readable_size(plan->bytes) << ") from "
               << screen.paint(Colour::bold, printable(volume->name)) << " into "
               << printable(options.folder) << ", " << plan->unchanged << " up to date";
  if (!plan->gone.empty()) screen.out() << ", " << plan->gone.size() << " removed";
  screen.out() << (options.dry_run ? "; nothing was written (--dry-run)\n" : "\n");
  return success();
}

}  // namespace outboard::cli
