#include <algorithm>
#include <ostream>
#include <set>

#include "cli/local_tree.h"
#include "cli/place.h"
#include "cli/progress.h"
#include "cli/remote_tree.h"
#include "cli/tar/tar_writer.h"
#include "cli/tree_base.h"
#include "cli/tree_commands.h"
#include "cli/tree_fetch.h"
#include "cli/tree_report.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

struct PullPlan {
  std::vector<FetchedFile> directories;  // to be made, or to be given their mode
  std::vector<FetchedFile> links;        // symlinks
  std::vector<FetchedFile> files;
  std::vector<std::pair<std::string, std::string>> names;  // further names of files: path, first
  std::vector<std::string> gone;                           // children before their parents
  std::vector<TreeConflict> conflicts;
  std::uint64_t bytes = 0;
  std::uint64_t unchanged = 0;
  std::uint64_t kept = 0;  // changed here, not there
};

Sha256 digest_of(const LocalNode& node) {
  return node.kind == Kind::symlink ? sha256(node.target) : node.digest;
}

bool same_mode(const LocalNode& here, const Node& there) {
  if (here.kind == Kind::symlink) return true;
  return (here.mode() & 0777U) == (there.attributes.mode & 0777U);
}

class TreePull {
 public:
  TreePull(Context& context, const TreePullOptions& options, Store& store, const OpenPlace& place,
           TreeBase base)
      : context_(context),
        options_(options),
        store_(store),
        place_(place),
        base_(std::move(base)) {}

  Status run(const RemoteTree& remote) {
    const Moment start = context_.clock().now();
    if (auto planned = make_plan(remote); !planned) return planned;
    if (options_.dry_run) print_plan();
    if (!plan_.conflicts.empty() && !options_.force) {
      return refuse_conflicts(context_.screen(), plan_.conflicts,
                              "nothing was written; push what is yours to another path, or pull "
                              "with --force to replace what is here");
    }
    if (!options_.dry_run) {
      auto done = carry_out();
      if (auto saved = base_.save(); !saved) return saved;
      if (!done) return done;
    }
    report(start);
    return success();
  }

 private:
  Status make_plan(const RemoteTree& remote) {
    auto excluded = Exclusions::compile(options_.excluded);
    if (!excluded) return excluded.error();
    LocalTree local;
    FolderRules rules;
    rules.excluded = *std::move(excluded);
    rules.exact = true;
    rules.clutter = true;
    std::error_code ignored;
    if (fs::exists(options_.folder, ignored)) {
      if (auto added = add_folder(local, options_.folder, "/", rules); !added) return added;
    }
    for (const auto& [path, node] : remote.nodes) {
      if (auto done = consider(path_within(place_.path, path), node, local); !done) return done;
    }
    for (auto here = local.rbegin(); here != local.rend(); ++here) {
      if (!seen_.contains(here->first)) consider_removal(here->first, here->second);
    }
    return success();
  }

  Status consider(const std::string& path, const Node& node, const LocalTree& local) {
    seen_.insert(path);
    const auto found = local.find(path);
    const LocalNode* here = found == local.end() ? nullptr : &found->second;
    if (here != nullptr && here->is_directory() != node.is(Kind::directory)) {
      return Error{
          Code::exists,
          here->source.string() + " is " +
              (here->is_directory() ? "a directory here and none" : "no directory here but one") +
              " in the volume: move it away, then pull again",
          path};
    }
    if (node.is(Kind::directory)) {
      if (here == nullptr || !same_mode(*here, node)) plan_.directories.push_back({path, node});
      return success();
    }
    if (!node.is(Kind::file) && !node.is(Kind::symlink)) return success();  // sockets and the like
    if (here != nullptr) {
      auto same = same_content(*here, node, path);
      if (!same) return same.error();
      if (*same && same_mode(*here, node)) {
        ++plan_.unchanged;
        base_.set(path, {node.version, digest_of(*here)});
        return success();
      }
      if (!*same && !yields(*here, node, path)) return success();
    }
    add(path, node);
    return success();
  }

  Result<bool> same_content(const LocalNode& here, const Node& node, const std::string& path) {
    if (here.kind != node.kind) return false;
    if (node.is(Kind::symlink)) return here.target == node.target;
    // Content that is not digested there need not be read again to be known.
    const auto common = base_.at(path);
    if (common && common->version == node.version) return common->digest == here.digest;
    return has_content(context_, store_, place_.volume.id, node, here.size, here.digest);
  }

  // Whether what is here may go for what is there.
  bool yields(const LocalNode& here, const Node& node, const std::string& path) {
    if (options_.force) return true;
    const auto common = base_.at(path);
    if (common && common->digest == digest_of(here)) return true;
    const bool link = node.is(Kind::symlink);
    const bool changed_there =
        !common || (link ? common->digest != sha256(node.target) : common->version != node.version);
    if (!changed_there) {
      ++plan_.kept;
      return false;
    }
    plan_.conflicts.push_back({path, common ? "was changed here and there"
                                            : "is here and there, with different content"});
    return false;
  }

  void add(const std::string& path, const Node& node) {
    if (node.is(Kind::symlink)) return plan_.links.push_back({path, node});
    if (node.attributes.links > 1) {
      const auto [first, fresh] = first_names_.emplace(node.inode, path);
      if (!fresh) {
        plan_.names.emplace_back(path, first->second);
        return;
      }
    }
    plan_.files.push_back({path, node});
    plan_.bytes += node.attributes.size;
  }

  void consider_removal(const std::string& path, const LocalNode& here) {
    if (path == "/" || !options_.remove) return;
    const auto common = base_.at(path);
    // What never was there, or was changed here, is not theirs to remove.
    const bool ours = !here.is_directory() && (!common || common->digest != digest_of(here));
    if (ours && !options_.force) {
      ++plan_.kept;
      return;
    }
    plan_.gone.push_back(path);
  }

  Status carry_out() {
    auto target = TargetFolder::open(options_.folder);
    if (!target) return target.error();
    for (const std::string& path : plan_.gone) {
      auto removed = target->remove(path);
      if (removed) base_.drop(path);
      // A directory that still holds what is only here stays.
      if (!removed && removed.error().code != Code::not_empty) return removed;
    }
    for (const FetchedFile& directory : plan_.directories) {
      if (directory.path == "/") continue;
      if (auto made = target->make_directory(directory.path); !made) return made;
    }
    if (auto fetched = fetch(*target); !fetched) return fetched;
    for (const auto& [path, first] : plan_.names) {
      if (auto linked = target->put_link(path, first); !linked) return linked;
      if (const auto common = base_.at(first)) base_.set(path, *common);
    }
    // Links last: nothing is written through them.
    for (const FetchedFile& link : plan_.links) {
      if (auto made = target->put_symlink(link.path, link.node.target); !made) return made;
      base_.set(link.path, {Version{}, sha256(link.node.target)});
    }
    return finish_directories(*target);
  }

  Status fetch(TargetFolder& target) {
    Progress progress(context_.screen(), plan_.files.size(), plan_.bytes);
    const FetchWatch watch{
        [&](const std::string& path) { progress.show(path); },
        [&](std::uint64_t files, std::uint64_t bytes) { progress.advance(files, bytes); },
        [this](const FetchedFile& file, const Sha256& digest) {
          base_.set(file.path, {file.node.version, digest});
        }};
    return fetch_files(context_, store_, place_.volume.id, plan_.files, target, watch);
  }

  // Children before their parents: a mode may shut the way.
  Status finish_directories(TargetFolder& target) {
    for (auto one = plan_.directories.rbegin(); one != plan_.directories.rend(); ++one) {
      Xattrs xattrs;
      if (one->node.xattr_bytes != 0) {
        auto read = store_.xattrs(context_.call(), place_.volume.id, one->node.inode);
        if (!read) return read.error();
        xattrs = std::move(read->value);
      }
      if (one->path == "/") continue;  // the folder's own mode is its owner's
      auto done = target.finish_directory(one->path, one->node.attributes.mode, xattrs);
      if (!done) return done;
    }
    return success();
  }

  void print_plan() {
    Screen& screen = context_.screen();
    for (const std::string& path : plan_.gone)
      screen.out() << tree_line(screen, '-', path, "") << "\n";
    for (const FetchedFile& one : plan_.directories) {
      screen.out() << tree_line(screen, '+', one.path, "directory") << "\n";
    }
    for (const FetchedFile& one : plan_.files) {
      screen.out() << tree_line(screen, '+', one.path, readable_size(one.node.attributes.size))
                   << "\n";
    }
    for (const auto& [path, first] : plan_.names) {
      screen.out() << tree_line(screen, '+', path, "= " + printable(first)) << "\n";
    }
    for (const FetchedFile& one : plan_.links) {
      screen.out() << tree_line(screen, '+', one.path, "-> " + printable(one.node.target)) << "\n";
    }
  }

  void report(Moment start) {
    Screen& screen = context_.screen();
    TreeCounts counts;
    counts.add(plan_.files.size() + plan_.links.size() + plan_.names.size(), "written");
    counts.add(plan_.gone.size(), "removed");
    counts.add(plan_.unchanged, "up to date");
    counts.add(plan_.kept, "changed here and left so");
    screen.out() << (options_.dry_run ? "would pull " : "pulled ")
                 << screen.paint(Colour::bold, printable(place_.volume.name + ":" + place_.path))
                 << " into " << printable(options_.folder) << ": "
                 << (counts.text().empty() ? "no files" : counts.text()) << ", "
                 << readable_size(plan_.bytes)
                 << (options_.dry_run ? "; nothing was written (--dry-run)"
                                      : ", " + seconds_since(context_, start))
                 << "\n";
  }

  Context& context_;
  const TreePullOptions& options_;
  Store& store_;
  const OpenPlace& place_;
  TreeBase base_;
  PullPlan plan_;
  std::set<std::string> seen_;
  std::map<Inode, std::string> first_names_;
};

// The tree as an archive on standard output.
Status write_archive(Context& context, Store& store, const OpenPlace& place,
                     const RemoteTree& remote) {
  std::ostream& out = context.screen().out();
  tar::TarWriter writer([&](std::string_view bytes) -> Status {
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (out) return success();
    return Error{Code::no_space, "the archive could not be written to its end"};
  });
  std::map<Inode, std::string> first_names;
  for (const auto& [path, node] : remote.nodes) {
    if (!node.is(Kind::file) && !node.is(Kind::directory) && !node.is(Kind::symlink)) continue;
    tar::TarEntry entry;
    entry.path = path_within(place.path, path);
    entry.kind = node.kind;
    entry.mode = node.attributes.mode;
    entry.size = node.attributes.size;
    entry.target = node.target;
    entry.modified = node.attributes.modified;
    if (node.is(Kind::file) && node.attributes.links > 1) {
      const auto [first, fresh] = first_names.emplace(node.inode, entry.path);
      if (!fresh) entry.link_of = first->second;
    }
    if (node.xattr_bytes != 0 && entry.link_of.empty()) {
      auto xattrs = store.xattrs(context.call(), place.volume.id, node.inode);
      if (!xattrs) return xattrs.error();
      entry.xattrs = std::move(xattrs->value);
    }
    if (auto begun = writer.begin(entry); !begun) return begun;
    if (!node.is(Kind::file) || !entry.link_of.empty()) continue;
    auto read = read_content(context, store, place.volume.id, node,
                             [&](std::string_view part) { return writer.write(part); });
    if (!read) return read;
  }
  return writer.finish();
}

// What is at the place, without what is excluded.
Result<RemoteTree> read_wanted(Context& context, Store& store, const OpenPlace& place,
                               const std::vector<std::string>& excluded) {
  auto tree = read_tree(context, store, place.volume, {place.path}, 64);
  if (!tree) return tree;
  const auto top = tree->nodes.find(place.path);
  if (top == tree->nodes.end()) {
    return Error{Code::not_found, "there is nothing at " + place.path + " in " + place.volume.name,
                 place.path};
  }
  if (!top->second.is(Kind::directory)) {
    return Error{Code::not_directory,
                 place.path + " is no directory: `outboard memory cat` writes a single file",
                 place.path};
  }
  auto exclusions = Exclusions::compile(excluded);
  if (!exclusions) return exclusions.error();
  std::erase_if(tree->nodes, [&](const auto& one) {
    return exclusions->take(path_within(place.path, one.first));
  });
  return tree;
}

}  // namespace

Status pull_tree(Context& context, const TreePullOptions& options) {
  auto place = open_place(context, options.place);
  if (!place) return place.error();
  auto store = context.store();
  if (!store) return store.error();
  auto remote = read_wanted(context, **store, *place, options.excluded);
  if (!remote) return remote.error();
  if (options.folder == "-") {
    if (options.dry_run || options.remove) {
      return Error{Code::invalid, "--dry-run and --delete are for folders, not for an archive"};
    }
    return write_archive(context, **store, *place, *remote);
  }
  auto state = state_folder([&](const char* name) { return context.variable(name); });
  if (!state) return state.error();
  auto base = TreeBase::load(*state, options.folder, name_of(context, *place));
  if (!base) return base.error();
  return TreePull(context, options, **store, *place, *std::move(base)).run(*remote);
}

}  // namespace outboard::cli
