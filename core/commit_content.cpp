// The rules for content: write, truncate, append, publish.
//
// A version is made from its base: whole and inline while it is small, else as an edit of chunks
// that carries only what is new. What is rewritten from scratch needs no base at all.
#include <algorithm>
#include <utility>

#include "core/commit_step.h"
#include "core/content.h"
#include "core/ignored.h"
#include "core/limits.h"

namespace outboard::rules {
namespace {

// What becomes of a file's content, in numbers that are already checked.
struct Plan {
  StoredVersion base;      // version 0: from scratch
  std::uint64_t keep = 0;  // at most base.size
  std::vector<Extent> extents;
  std::uint64_t size = 0;
  bool conflict = false;  // the base is not the current version
  Inode base_inode;       // whose the base is, when it is another's
  bool restores = false;  // the base is brought back as it was

  bool from_scratch() const { return keep == 0; }
  bool grows_only() const {
    return !conflict && !restores && keep == base.size && size >= keep &&
           std::all_of(extents.begin(), extents.end(),
                       [&](const Extent& extent) { return extent.offset >= keep; });
  }
};

// Content on chunks that are there: only what is new travels.
ContentEdit edit_of_chunks(Plan& plan) {
  ContentEdit edit;
  edit.base = plan.base.version;
  edit.base_inode = plan.base_inode;
  edit.keep = plan.keep;
  if (plan.restores) edit.digest = plan.base.digest;
  edit.append = plan.grows_only() && plan.extents.size() == 1 &&
                plan.extents.front().offset == plan.keep && plan.extents.front().end() == plan.size;
  edit.extents = std::move(plan.extents);
  edit.size = plan.size;
  return edit;
}

// Content that needs no chunks of old: `kept` are the bytes of the base that stay.
ContentEdit edit_of_bytes(Plan& plan, std::string kept) {
  ContentEdit edit;
  edit.size = plan.size;
  if (plan.size <= kInlineBytesMax) {
    edit.bytes = edited(kept, kept.size(), plan.extents, plan.size);
    edit.digest = sha256(*edit.bytes);
    return edit;
  }
  if (!kept.empty()) plan.extents.insert(plan.extents.begin(), Extent{0, std::move(kept)});
  edit.extents = std::move(plan.extents);
  if (join_extents(edit.extents, edit.size)) edit.digest = sha256(edit.extents.front().bytes);
  return edit;
}

Result<ContentEdit> edit_of(Work& work, Inode inode, Plan& plan) {
  if (plan.from_scratch()) return edit_of_bytes(plan, {});
  if (plan.base.chunked) return edit_of_chunks(plan);
  auto content =
      work.set.inline_content(plan.base_inode ? plan.base_inode : inode, plan.base.version);
  if (!content) return content.error();
  content->resize(plan.keep);
  return edit_of_bytes(plan, std::move(*content));
}

// A change of status is never older than one before it.
void show_written(const Work& work, Attributes& attributes) {
  attributes.modified = work.written;
  attributes.changed = std::max(attributes.changed, work.written);
}

// Stores the new version of an existing file and records it.
Result<Outcome> put_version(Work& work, Target& target, Plan plan) {
  Node& node = target.stored.node;
  const bool append = plan.grows_only();
  const bool conflict = plan.conflict;
  auto edit = edit_of(work, node.inode, plan);
  if (!edit) return edit.error();
  work.set.use(
      static_cast<std::int64_t>(edit->size) - static_cast<std::int64_t>(node.attributes.size), 0);
  edit->inode = node.inode;
  edit->current = node.version;
  edit->conflict = conflict;
  node.version = Version{node.version.value + 1};
  edit->version = node.version;
  node.digest = edit->digest;
  node.attributes.size = edit->size;
  show_written(work, node.attributes);
  edit->leaves_chunks = edit->bytes && target.stored.chunked;
  target.stored.chunked = !edit->bytes;
  work.set.put_node(target.stored);
  Change change = make_change(work, append ? ChangeKind::append : ChangeKind::write, node,
                              path_for_log(work, target));
  change.conflict = conflict;
  edit->passing = is_ignored(work.set.volume().ignored, change.path);
  edit->seq = work.set.record(std::move(change));
  Outcome outcome = outcome_of(node, target.dentry, edit->seq);
  outcome.conflict = conflict;
  work.set.put_content(std::move(*edit));
  return outcome;
}

// The file's times only: truncate(2) to the size it has.
Result<Outcome> put_times(Work& work, Target& target) {
  Node& node = target.stored.node;
  show_written(work, node.attributes);
  work.set.put_node(target.stored);
  const Seq seq =
      work.set.record(make_change(work, ChangeKind::attributes, node, path_for_log(work, target)));
  return outcome_of(node, target.dentry, seq);
}

Status check_result(std::uint64_t size, const Target& target) {
  if (size <= kFileBytesMax) return success();
  return refuse(Code::too_big, target.path,
                "the file would have " + std::to_string(size) + " bytes, the limit is " +
                    std::to_string(kFileBytesMax) + ": split it");
}

Result<Target> enter_file(Work& work, const NodeRef& node) {
  auto target = find_file(work, node);
  if (!target) return target;
  const std::string subject = target->path.empty() ? "the file" : target->path;
  if (auto good = check_when(work, target->stored, subject); !good) return good.error();
  return target;
}

// What lies beyond the end is not stored, so that a later growth reads zeros there.
void cut(std::vector<Extent>& extents, std::uint64_t size) {
  std::erase_if(extents, [&](const Extent& extent) { return extent.offset >= size; });
  for (Extent& extent : extents) {
    if (extent.end() > size) extent.bytes.resize(size - extent.offset);
  }
}

Result<Outcome> write_on(Work& work, Target& target, const Write& op) {
  const Node& node = target.stored.node;
  const std::string subject = target.path.empty() ? "the file" : target.path;
  auto verdict = judge_base(work, op.base, node.version, subject);
  if (!verdict) return verdict.error();
  if (*verdict == Verdict::merge) {
    auto mine = bytes_of_write(work, target, op);
    return mine ? merge_into(work, target, {*op.base, op.merged ? &*op.merged : nullptr}, *mine)
                : mine.error();
  }
  auto base = base_of(work, target, op.base, op.keep != std::uint64_t{0});
  if (!base) return base.error();
  Plan plan;
  plan.base = *base;
  plan.conflict = *verdict == Verdict::override_flagged;
  plan.keep = std::min(op.keep.value_or(base->size), base->size);
  for (const Extent& extent : op.extents) {
    if (!extent.bytes.empty()) plan.extents.push_back(extent);
  }
  plan.size = op.size.value_or(size_after(plan.keep, plan.extents));
  // Nothing of the old beyond the new end is read, nor shown by a later growth.
  plan.keep = std::min(plan.keep, plan.size);
  if (auto good = check_result(size_after(plan.size, plan.extents), target); !good) {
    return good.error();
  }
  cut(plan.extents, plan.size);
  const bool same = plan.extents.empty() && plan.keep == base->size && plan.size == base->size;
  if (!same || plan.conflict) return put_version(work, target, std::move(plan));
  if (!op.keep && !op.size) return outcome_of(node, target.dentry, Seq{});
  return put_times(work, target);
}

// The first version of a new file, and the file itself.
Result<Outcome> place_file(Work& work, const Place& place, StoredNode& stored, ContentEdit edit,
                           bool conflict) {
  Node& node = stored.node;
  node.version = Version{1};
  node.digest = edit.digest;
  node.attributes.size = edit.size;
  stored.chunked = !edit.bytes;
  auto outcome = place_new(work, place, stored);
  if (!outcome) return outcome;
  if (conflict) {
    work.set.flag_last();
    outcome->conflict = true;
  }
  edit.inode = node.inode;
  edit.version = node.version;
  edit.conflict = conflict;
  edit.seq = outcome->seq;
  work.set.put_content(std::move(edit));
  return outcome;
}

Plan plan_of(Inode from, const StoredVersion& content) {
  Plan plan;
  plan.base = content;
  plan.base_inode = from;
  plan.keep = content.size;
  plan.size = content.size;
  plan.restores = true;
  return plan;
}

Result<Outcome> publish_at_empty(Work& work, const Place& place, const Publish& op) {
  auto verdict = judge_base(work, op.base, Version{}, place.path);
  if (!verdict) return verdict.error();
  if (*verdict == Verdict::merge) return set_aside(work, place, op);
  return publish_new(work, place, op, *verdict == Verdict::override_flagged);
}

}  // namespace

Result<StoredVersion> base_of(Work& work, const Target& target, std::optional<Version> wanted,
                              bool needed) {
  const Node& node = target.stored.node;
  const Version version = wanted.value_or(node.version);
  if (version == node.version) {
    return StoredVersion{version, node.attributes.size, node.digest, target.stored.chunked};
  }
  if (!version || !needed) return StoredVersion{};
  auto kept = work.set.version(node.inode, version);
  if (!kept) return kept.error();
  if (*kept && !(*kept)->redacted) return **kept;
  const std::string subject = path_for_log(work, target);
  Error error = refuse(Code::conflict, subject,
                       "version " + to_string(version) + " of " + subject +
                           " is not kept any more, so nothing can be made from it: read version " +
                           to_string(node.version) + " and write on that");
  error.current_version = node.version.value;
  return error;
}

Result<Outcome> publish_new(Work& work, const Place& place, const Publish& op, bool conflict) {
  auto stored = new_node(work, Kind::file, op.mode.value_or(0644), op.uid, op.gid);
  if (!stored) return stored.error();
  Plan plan;
  if (!op.bytes.empty()) plan.extents.push_back(Extent{0, op.bytes});
  plan.size = op.bytes.size();
  ContentEdit edit = edit_of_bytes(plan, {});
  edit.passing = is_ignored(work.set.volume().ignored, place.path);
  return place_file(work, place, *stored, std::move(edit), conflict);
}

Result<Outcome> rewrite_from(Work& work, Target& target, std::uint64_t keep, std::string rest) {
  auto base = base_of(work, target, std::nullopt, true);
  if (!base) return base.error();
  Plan plan;
  plan.base = *base;
  plan.keep = keep;
  plan.size = keep + rest.size();
  if (!rest.empty()) plan.extents.push_back(Extent{keep, std::move(rest)});
  return put_version(work, target, std::move(plan));
}

Result<Outcome> put_restored(Work& work, Target& target, Inode from, const StoredVersion& content) {
  const bool own = from == target.stored.node.inode;
  return put_version(work, target, plan_of(own ? Inode{} : from, content));
}

Result<Outcome> place_restored(Work& work, const Place& place, const Node& like,
                               const StoredVersion& content) {
  const Attributes& a = like.attributes;
  auto stored = new_node(work, Kind::file, a.mode, a.uid, a.gid);
  if (!stored) return stored.error();
  Plan plan = plan_of(like.inode, content);
  auto edit = edit_of(work, stored->node.inode, plan);
  if (!edit) return edit.error();
  return place_file(work, place, *stored, std::move(*edit), false);
}

Result<Outcome> apply(Work& work, const Write& op) {
  auto target = enter_file(work, op.node);
  if (!target) return target.error();
  return write_on(work, *target, op);
}

Result<Outcome> apply(Work& work, const Truncate& op) {
  auto target = enter_file(work, op.node);
  if (!target) return target.error();
  Write write;
  write.keep = op.size;
  write.size = op.size;
  return write_on(work, *target, write);
}

Result<Outcome> apply(Work& work, const Append& op) {
  auto target = enter_file(work, op.node);
  if (!target) return target.error();
  Write write;
  write.extents.push_back(Extent{target->stored.node.attributes.size, op.bytes});
  return write_on(work, *target, write);
}

Result<Outcome> apply(Work& work, const Publish& op) {
  const ParentStyle style{0755, op.uid, op.gid};
  auto place = op.parents ? make_place(work, op.at, style) : find_place(work, op.at);
  if (!place) return place.error();
  if (auto good = check_when(work, place->there, place->path); !good) return good.error();
  if (!place->there) return publish_at_empty(work, *place, op);
  auto target = find_file(work, place->there->node.inode);
  if (!target) {
    Error error = target.error();
    error.subject = place->path;
    return error;
  }
  target->path = place->path;
  target->dentry = place->dentry;
  auto verdict = judge_base(work, op.base, target->stored.node.version, place->path);
  if (!verdict) return verdict.error();
  if (*verdict == Verdict::merge) return merge_into(work, *target, {*op.base}, op.bytes);
  if (op.mode) target->stored.node.attributes.mode = *op.mode;
  Plan plan;
  plan.conflict = *verdict == Verdict::override_flagged;
  if (!op.bytes.empty()) plan.extents.push_back(Extent{0, op.bytes});
  plan.size = op.bytes.size();
  plan.base.size = 1;  // whatever it was, none of it is kept: never an append
  return put_version(work, *target, std::move(plan));
}

}  // namespace outboard::rules
