// The rules for what comes back, and for what must not.
#include <algorithm>
#include <utility>

#include "core/commit_step.h"

namespace outboard::rules {
namespace {

// [S39] Whether the caller may read what stands there; of what was removed, only whoever reads all.
Result<bool> in_view(Work& work, const Node& node) {
  if (work.scope.reads_all()) return true;
  if (node.removed()) return false;
  auto paths = work.set.paths_of(node.inode);
  if (!paths) return paths.error();
  return std::any_of(paths->begin(), paths->end(),
                     [&](const std::string& path) { return work.scope.at(path) >= Right::read; });
}

Result<StoredNode> known(Work& work, Inode inode) {
  auto found = work.set.known_node(inode);
  if (!found) return found.error();
  if (*found) {
    auto seen = in_view(work, (*found)->node);
    if (!seen) return seen.error();
    if (*seen) return std::move(**found);
  }
  return refuse(
      Code::not_found, to_string(inode),
      "nothing is known of node " + to_string(inode) + ": it never was, or its history is gone");
}

// The content to bring back; version 0 for what has none.
Result<StoredVersion> content_of(Work& work, const Node& node, Version wanted) {
  if (!node.is(Kind::file)) return StoredVersion{};
  const Version version = wanted ? wanted : node.version;
  auto kept = work.set.version(node.inode, version);
  if (!kept) return kept.error();
  const std::string what = "version " + to_string(version) + " of node " + to_string(node.inode);
  if (!*kept) {
    return refuse(Code::not_found, to_string(node.inode),
                  what + " is not kept: `versions` lists those that are");
  }
  if ((*kept)->redacted) {
    return refuse(Code::not_found, to_string(node.inode),
                  what + " was redacted: its bytes are gone for good");
  }
  return **kept;
}

// The node that stands at the target gets the content as its new version.
Result<Outcome> restore_over(Work& work, Target target, const Node& source,
                             const StoredVersion& content) {
  const Node& there = target.stored.node;
  const bool same = there.inode == source.inode;
  if (same && (!content.version || content.version == there.version)) {
    return outcome_of(there, target.dentry, Seq{});
  }
  if (source.is(Kind::file) && there.is(Kind::file)) {
    return put_restored(work, target, source.inode, content);
  }
  return refuse(Code::exists, target.path,
                "something else stands at " + target.path + ": remove it, or restore elsewhere");
}

// A removed node stands again, at `place`, as it was when it went.
Result<Outcome> come_back(Work& work, const Place& place, StoredNode stored,
                          const StoredVersion& content) {
  Node& node = stored.node;
  node.attributes.links = node.is(Kind::directory) ? 2 : 1;
  node.attributes.changed = work.set.now();
  auto outcome = place_new(work, place, stored);
  if (!outcome || !content.version || content.version == node.version) return outcome;
  Target target{std::move(stored), place.path, place.dentry};
  auto written = put_restored(work, target, node.inode, content);
  if (written) written->created = true;
  return written;
}

}  // namespace

Result<Outcome> apply(Work& work, const Restore& op) {
  auto source = known(work, op.inode);
  if (!source) return source.error();
  auto content = content_of(work, source->node, op.version);
  if (!content) return content.error();
  if (!op.to) {
    auto target = find_target(work, op.inode);
    if (!target) return target.error();
    target->path = path_for_log(work, *target);
    if (auto good = check_when(work, target->stored, target->path); !good) return good.error();
    return restore_over(work, std::move(*target), source->node, *content);
  }
  auto place = op.parents ? make_place(work, *op.to, {}) : find_place(work, *op.to);
  if (!place) return place.error();
  if (auto good = check_when(work, place->there, place->path); !good) return good.error();
  if (place->there) {
    Target target{std::move(*place->there), place->path, place->dentry};
    return restore_over(work, std::move(target), source->node, *content);
  }
  if (source->node.removed()) return come_back(work, *place, std::move(*source), *content);
  if (source->node.is(Kind::file)) return place_restored(work, *place, source->node, *content);
  return refuse(
      Code::exists, place->path,
      "node " + to_string(op.inode) + " stands under another name: rename it to " + place->path);
}

Result<Outcome> apply(Work& work, const Redact& op) {
  auto stored = known(work, op.inode);
  if (!stored) return stored.error();
  Node& node = stored->node;
  const bool file = node.is(Kind::file);
  if (!file && op.version) {
    return refuse(Code::invalid, to_string(op.inode),
                  "node " + to_string(op.inode) +
                      " is no file: of others only what their extended attributes have been can be "
                      "redacted, all of it");
  }
  if (op.version) {
    auto kept = work.set.version(op.inode, op.version);
    if (!kept) return kept.error();
    if (!*kept) {
      return refuse(Code::not_found, to_string(op.inode),
                    "version " + to_string(op.version) + " of node " + to_string(op.inode) +
                        " is not kept: there is nothing to redact");
    }
  }
  const Redaction redaction{op.inode, op.version, node.version};
  if (file && redaction.covers(node.inode, node.version)) {
    node.digest.reset();
    stored->chunked = false;
    work.set.put_node(*stored);
  }
  const Target target{*stored, {}, {}};
  Change change = make_change(work, ChangeKind::attributes, node, path_for_log(work, target));
  change.redacted = true;
  change.node.digest.reset();  // a redacted change shows none
  const Seq seq = work.set.record(std::move(change));
  if (file) work.set.redact(redaction);
  if (!op.version) work.set.redact_formers(op.inode);
  return outcome_of(node, Dentry{}, seq);
}

}  // namespace outboard::rules
