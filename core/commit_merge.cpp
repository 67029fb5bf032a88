// The rules of the policy `merge`: what becomes of a publish that was based on a version that is no
// longer current. Nothing is overridden: its changes are added to what is there, or its bytes stand
// beside it. [S35]
#include <algorithm>
#include <utility>

#include "core/check.h"
#include "core/commit_step.h"
#include "core/content.h"
#include "core/limits.h"
#include "core/merge.h"
#include "core/path.h"

namespace outboard::rules {
namespace {

// A digest in hexadecimal gives so many names of so many characters.
constexpr std::size_t kMarkSize = 8;
constexpr std::size_t kMarks = 2 * sizeof(Sha256::bytes) / kMarkSize;

// The content of a version that may be merged; nothing when it is too large, or not kept.
Result<std::optional<std::string>> small_content(Work& work, Inode inode, Version version) {
  using Found = std::optional<std::string>;
  if (!version) return Found{};
  auto stored = work.set.version(inode, version);
  if (!stored) return stored.error();
  if (!*stored || (*stored)->size > kMergeBytesMax) return Found{};
  auto bytes = work.set.content(inode, version, 0, (*stored)->size);
  if (!bytes) return bytes.error();
  return Found(*std::move(bytes));
}

// What the writer's newest bytes are compared with: its base, or what it had made of that when it
// was merged last. Of those bytes all that differs from the base is in the file, among what others
// did.
Result<std::optional<std::string>> compared_with(Work& work, Inode inode, const Origins& from) {
  using Found = std::optional<std::string>;
  const bool whole = from.merged != nullptr && from.merged->keep == std::uint64_t{0};
  auto base = whole ? Result<Found>(Found(std::string())) : small_content(work, inode, from.base);
  if (!base || !*base || from.merged == nullptr) return base;
  const Edit& edit = *from.merged;
  const std::uint64_t keep =
      std::min<std::uint64_t>(edit.keep.value_or((*base)->size()), (*base)->size());
  const std::uint64_t laid = size_after(keep, edit.extents);
  const std::uint64_t size = edit.size.value_or(laid);
  if (std::max(laid, size) > kMergeBytesMax) return Found{};
  return Found(edited(**base, keep, edit.extents, size));
}

// An empty place beside `place`, or the one where a file with that very content stands already.
Result<Place> find_beside(Work& work, const Place& place, const Sha256& mark, bool or_same) {
  const std::string marks = to_string(mark);
  for (std::size_t i = 0; i < kMarks; ++i) {
    Place beside{place.parent, {}, place.dentry, {}};
    beside.dentry.name = conflict_name(place.dentry.name, marks.substr(i * kMarkSize, kMarkSize));
    beside.path = join(split_last(place.path).first, beside.dentry.name);
    if (!work.scope.writes_all() && work.scope.at(beside.path) != Right::write) {
      return refuse(Code::conflict, place.path,
                    place.path +
                        " changed and cannot be merged, and this token may not make a "
                        "copy beside it: read it again and write on that");
    }
    auto child = work.set.child(beside.dentry);
    if (!child) return child.error();
    if (!*child) return beside;
    auto there = work.set.node(**child);
    if (!there) return there.error();
    if (or_same && *there && (*there)->node.digest == mark) {
      beside.there = std::move(*there);
      return beside;
    }
  }
  return refuse(Code::exists, place.path,
                "all names for a conflict copy beside " + place.path +
                    " are taken: look through its copies and remove them");
}

// The name that leads to the target: as it was given, or one that its node has.
Result<Place> place_of(Work& work, const Target& target) {
  Place place;
  place.dentry = target.dentry;
  if (!place.dentry.parent) {
    auto name = work.set.name_of(target.stored.node.inode);
    if (!name) return name.error();
    place.dentry = *std::move(name);
  }
  auto parent = work.set.node(place.dentry.parent);
  if (!parent) return parent.error();
  CHECK(*parent);
  place.parent = **std::move(parent);
  auto path = work.set.path_of(place.dentry);
  if (!path) return path.error();
  place.path = *std::move(path);
  return place;
}

// `op.bytes` as a file beside `place`. The same bytes refused twice make one copy.
Result<Outcome> copy_beside(Work& work, const Place& place, const Publish& op) {
  auto beside = find_beside(work, place, sha256(op.bytes), true);
  if (!beside) return beside.error();
  Outcome outcome;
  if (beside->there) {
    outcome = outcome_of(beside->there->node, beside->dentry, Seq{});
  } else {
    auto made = publish_new(work, *beside, op, true);
    if (!made) return made;
    outcome = *std::move(made);
  }
  outcome.conflict = true;
  outcome.conflict_copy = beside->dentry;
  return outcome;
}

// The file becomes `merged`; what it begins with already stays as it is.
Result<Outcome> put_merged(Work& work, Target& target, const std::string& theirs,
                           const std::string& merged) {
  Outcome outcome = outcome_of(target.stored.node, target.dentry, Seq{});
  if (merged != theirs) {
    const auto shorter = static_cast<std::ptrdiff_t>(std::min(theirs.size(), merged.size()));
    const auto differ =
        std::mismatch(theirs.begin(), theirs.begin() + shorter, merged.begin()).second;
    const auto keep = static_cast<std::size_t>(differ - merged.begin());
    auto made = rewrite_from(work, target, keep, merged.substr(keep));
    if (!made) return made;
    outcome = *std::move(made);
  }
  outcome.merged = true;
  return outcome;
}

}  // namespace

Result<Place> place_beside(Work& work, const Place& place, const Sha256& mark) {
  return find_beside(work, place, mark, false);
}

Result<Outcome> merge_into(Work& work, Target& target, const Origins& from,
                           const std::string& mine) {
  const Node& node = target.stored.node;
  auto theirs = small_content(work, node.inode, node.version);
  if (!theirs) return theirs.error();
  if (*theirs && **theirs == mine) return put_merged(work, target, mine, mine);
  auto old = compared_with(work, node.inode, from);
  if (!old) return old.error();
  if (*theirs && *old) {
    const auto merged = merge_lines(**old, mine, **theirs);
    if (merged) return put_merged(work, target, **theirs, *merged);
  }
  auto place = place_of(work, target);
  if (!place) return place.error();
  Publish copy;
  copy.bytes = mine;
  copy.mode = node.attributes.mode;
  copy.uid = node.attributes.uid;
  copy.gid = node.attributes.gid;
  auto made = copy_beside(work, *place, copy);
  if (!made) return made;
  Outcome outcome = outcome_of(node, target.dentry, made->seq);
  outcome.conflict = true;
  outcome.conflict_copy = std::move(made->conflict_copy);
  return outcome;
}

Result<Outcome> set_aside(Work& work, const Place& place, const Publish& op) {
  return copy_beside(work, place, op);
}

Result<std::string> bytes_of_write(Work& work, const Target& target, const Write& op) {
  const bool needed = op.keep != std::uint64_t{0};
  auto base = base_of(work, target, op.base, needed);
  if (!base) return base.error();
  const std::uint64_t keep = std::min(op.keep.value_or(base->size), base->size);
  const std::uint64_t size = op.size.value_or(size_after(keep, op.extents));
  const std::string subject = path_for_log(work, target);
  if (std::max(base->size, size_after(size, op.extents)) > kBatchBytesMax) {
    Error error = refuse(Code::conflict, subject,
                         subject + " changed since version " + to_string(*op.base) +
                             " and is too large to merge or to copy: read it again and write on "
                             "that");
    error.current_version = target.stored.node.version.value;
    return error;
  }
  if (keep == 0) return edited({}, 0, op.extents, size);
  auto bytes = work.set.content(target.stored.node.inode, base->version, 0, base->size);
  if (!bytes) return bytes;
  return edited(*bytes, keep, op.extents, size);
}

}  // namespace outboard::rules
