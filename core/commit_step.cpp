#include "core/commit_step.h"

#include <utility>

#include "core/limits.h"
#include "core/path.h"

namespace outboard::rules {
namespace {

std::string text_of(const NodeRef& ref) {
  if (const auto* path = std::get_if<std::string>(&ref)) return *path;
  return "inode " + to_string(std::get<Inode>(ref));
}

Error no_such(const std::string& subject) {
  return refuse(Code::not_found, subject, "there is no " + subject + ": look at what is there");
}

Error through(const std::string& path) {
  return refuse(Code::not_directory, path, path + " is no directory: nothing can be below it");
}

// [S39] A path that the caller may write; asked before anything is looked at, so that what is
// hidden answers as what is absent.
Status may_write(const Work& work, const std::string& path) {
  if (work.scope.writes_all()) return success();
  switch (work.scope.at(path)) {
    case Right::write: return success();
    case Right::none: return no_such(path);
    case Right::walk:
    case Right::read: break;
  }
  return refuse(
      Code::read_only, path,
      "this token may see " + path + " but not change it: ask for a grant that ends in :rw for it");
}

// The same for a node found by number: one writable name is enough.
Status may_write(Work& work, const StoredNode& stored, const std::string& subject) {
  if (work.scope.writes_all()) return success();
  const Node& node = stored.node;
  std::vector<std::string> paths;
  if (node.attributes.links > 1 && !node.is(Kind::directory)) {
    auto all = work.set.paths_of(node.inode);
    if (!all) return all.error();
    paths = *std::move(all);
  } else {
    auto one = work.set.path_of(node.inode);
    if (!one) return one.error();
    paths.push_back(*std::move(one));
  }
  Status answer = no_such(subject);
  for (const std::string& path : paths) {
    const bool way = work.scope.at(path) == Right::walk;
    if (way && !node.is(Kind::directory)) continue;
    Status one = may_write(work, path);
    if (one) return one;
    if (one.error().code == Code::read_only) answer = one;
  }
  return answer;
}

Result<Place> place_in(Work& work, StoredNode parent, const std::string& parent_path,
                       const std::string& name) {
  if (!parent.node.is(Kind::directory)) {
    // On the way only directories are shown: something else is not there.
    if (work.scope.at(parent_path) < Right::read) return no_such(parent_path);
    return through(parent_path);
  }
  Place place{std::move(parent), join(parent_path, name), {}, {}};
  place.dentry = Dentry{place.parent.node.inode, name};
  if (place.path.size() > kPathBytesMax) {
    return refuse(Code::name_too_long, place.path.substr(0, 64) + "…",
                  "a path has " + std::to_string(place.path.size()) + " bytes, the limit is " +
                      std::to_string(kPathBytesMax) + ": use shorter names");
  }
  auto child = work.set.child(place.dentry);
  if (!child) return child.error();
  if (!*child) return place;
  auto there = work.set.node(**child);
  if (!there) return there.error();
  place.there = std::move(*there);
  return place;
}

Result<StoredNode> existing(Work& work, Inode inode, const std::string& subject) {
  auto found = work.set.node(inode);
  if (!found) return found.error();
  if (!*found) return no_such(subject);
  return std::move(**found);
}

// Walks `path` from the root; with `style` it makes what is missing.
Result<Target> walk(Work& work, const std::string& path, const ParentStyle* style) {
  auto root = existing(work, kRootInode, "/");
  if (!root) return root.error();
  Target at{std::move(*root), "/", Dentry{}};
  for (const std::string_view name : components_of(path)) {
    auto place = place_in(work, at.stored, at.path, std::string(name));
    if (!place) return place.error().code == Code::not_found ? no_such(path) : place.error();
    if (!place->there) {
      if (style == nullptr) return no_such(path);
      if (auto may = may_write(work, place->path); !may) return may.error();
      auto made = new_node(work, Kind::directory, style->mode, style->uid, style->gid);
      if (!made) return made.error();
      auto placed = place_new(work, *place, *made);
      if (!placed) return placed.error();
      place->there = std::move(*made);
    }
    at = Target{std::move(*place->there), std::move(place->path), std::move(place->dentry)};
  }
  return at;
}

Error not_as_expected(const std::optional<StoredNode>& there, const std::string& path,
                      const std::string& expected) {
  Error error = refuse(Code::conflict, path,
                       path + " " + expected + " any more: look at it again, then decide");
  if (there) error.current_version = there->node.version.value;
  return error;
}

}  // namespace

Error refuse(Code code, std::string subject, const std::string& message) {
  Error error;
  error.code = code;
  error.message = message;
  error.subject = std::move(subject);
  return error;
}

Result<Place> find_place(Work& work, const NameRef& name) {
  if (const auto* path = std::get_if<std::string>(&name.parent)) {
    if (auto may = may_write(work, join(*path, name.name)); !may) return may.error();
    auto parent = walk(work, *path, nullptr);
    if (!parent) return parent.error();
    return place_in(work, std::move(parent->stored), parent->path, name.name);
  }
  const Inode inode = std::get<Inode>(name.parent);
  auto parent = existing(work, inode, text_of(name.parent));
  if (!parent) return parent.error();
  auto path = work.set.path_of(inode);
  if (!path) return path.error();
  const Right right = work.scope.at(*path);
  if (right == Right::none) return no_such(text_of(name.parent));
  if (!parent->node.is(Kind::directory)) {
    if (right == Right::walk) return no_such(text_of(name.parent));
    return through(text_of(name.parent));
  }
  if (auto may = may_write(work, join(*path, name.name)); !may) return may.error();
  return place_in(work, std::move(*parent), *path, name.name);
}

Result<Place> make_place(Work& work, const NameRef& name, const ParentStyle& style) {
  const auto* path = std::get_if<std::string>(&name.parent);
  if (path == nullptr) return find_place(work, name);
  if (auto may = may_write(work, join(*path, name.name)); !may) return may.error();
  auto parent = walk(work, *path, &style);
  if (!parent) return parent.error();
  return place_in(work, std::move(parent->stored), parent->path, name.name);
}

Result<Target> find_target(Work& work, const NodeRef& node) {
  if (const auto* path = std::get_if<std::string>(&node)) {
    if (auto may = may_write(work, *path); !may) return may.error();
    return walk(work, *path, nullptr);
  }
  auto stored = existing(work, std::get<Inode>(node), text_of(node));
  if (!stored) return stored.error();
  if (auto may = may_write(work, *stored, text_of(node)); !may) return may.error();
  return Target{std::move(*stored), {}, {}};
}

Result<Target> find_file(Work& work, const NodeRef& node) {
  auto target = find_target(work, node);
  if (!target) return target;
  const Node& found = target->stored.node;
  if (found.is(Kind::directory)) {
    return refuse(Code::is_directory, text_of(node),
                  text_of(node) + " is a directory: only files have content");
  }
  if (!found.is(Kind::file)) {
    return refuse(Code::invalid, text_of(node),
                  text_of(node) + " is no regular file: only those have content here");
  }
  return target;
}

Status check_when(Work& work, const std::optional<StoredNode>& there, const std::string& path) {
  const Precondition& when = work.when;
  if (when.empty()) return success();
  if (when.absent) {
    if (!there) return success();
    return not_as_expected(there, path, "is not absent");
  }
  if (!there) return not_as_expected(there, path, "is not there");
  if (when.version && there->node.version != *when.version) {
    return not_as_expected(there, path, "is not at version " + to_string(*when.version));
  }
  if (!when.digest) return success();
  if (!there->node.is(Kind::file)) return not_as_expected(there, path, "is not a file");
  auto digest = work.set.digest(*there);
  if (!digest) return digest.error();
  if (*digest == *when.digest) return success();
  return not_as_expected(there, path, "has not the digest " + to_string(*when.digest));
}

Result<Place> enter_place(Work& work, const NameRef& name) {
  auto place = find_place(work, name);
  if (!place) return place;
  if (auto good = check_when(work, place->there, place->path); !good) return good.error();
  return place;
}

Result<StoredNode> new_node(Work& work, Kind kind, std::uint32_t mode, std::uint32_t uid,
                            std::uint32_t gid) {
  auto inode = work.set.allot_inode();
  if (!inode) return inode.error();
  StoredNode stored;
  stored.node.inode = *inode;
  stored.node.kind = kind;
  stored.node.attributes.mode = mode;
  stored.node.attributes.uid = uid;
  stored.node.attributes.gid = gid;
  stored.node.attributes.links = kind == Kind::directory ? 2 : 1;
  stored.node.attributes.accessed = work.set.now();
  stored.node.attributes.modified = work.set.now();
  stored.node.attributes.changed = work.set.now();
  return stored;
}

Result<Outcome> place_new(Work& work, const Place& place, const StoredNode& stored) {
  const bool directory = stored.node.is(Kind::directory);
  auto touched = touch_directory(work, place.dentry.parent, directory ? 1 : 0);
  if (!touched) return touched.error();
  work.set.put_node(stored);
  work.set.put_name(place.dentry, stored.node.inode);
  work.set.use(bytes_used(stored.node), 1);
  Change change = make_change(work, ChangeKind::create, stored.node, place.path);
  change.after = place.dentry;
  Outcome outcome = outcome_of(stored.node, place.dentry, work.set.record(std::move(change)));
  outcome.created = true;
  return outcome;
}

Status touch_directory(Work& work, Inode directory, int links) {
  auto stored = existing(work, directory, "inode " + to_string(directory));
  if (!stored) return stored.error();
  Attributes& attributes = stored->node.attributes;
  attributes.modified = work.set.now();
  attributes.changed = work.set.now();
  attributes.links += static_cast<std::uint32_t>(links);
  work.set.put_node(*stored);
  return success();
}

Change make_change(const Work& work, ChangeKind kind, const Node& node, std::string path) {
  Change change;
  change.kind = kind;
  change.node = node;
  change.path = std::move(path);
  change.origin = work.origin;
  return change;
}

std::string path_for_log(Work& work, const Target& target) {
  if (!target.path.empty()) return target.path;
  return work.set.path_of(target.stored.node.inode).value_or(std::string());
}

std::int64_t bytes_used(const Node& node) {
  const std::uint64_t content = node.is(Kind::file) ? node.attributes.size : 0;
  return static_cast<std::int64_t>(content + node.xattr_bytes);
}

Outcome outcome_of(const Node& node, const Dentry& dentry, Seq seq) {
  Outcome outcome;
  outcome.node = node;
  outcome.dentry = dentry;
  outcome.seq = seq;
  return outcome;
}

Result<Verdict> judge_base(Work& work, std::optional<Version> base, Version current,
                           const std::string& path) {
  const Verdict verdict = judge(work.set.volume().policy, base, current);
  if (verdict != Verdict::refused) return verdict;
  Error error =
      refuse(Code::conflict, path,
             path + " is at version " + to_string(current) + ", not at " + to_string(*base) +
                 ", and the volume refuses to override: read it "
                 "again and write on that");
  error.current_version = current.value;
  return error;
}

}  // namespace outboard::rules
