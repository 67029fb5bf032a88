#include "core/commit.h"

#include <map>
#include <utility>

#include "core/check.h"
#include "core/commit_review.h"
#include "core/commit_step.h"
#include "core/limits.h"

namespace outboard {
namespace {

// What the client says of it, where that can be.
Timestamp written_at(const Batch& batch, Timestamp now) {
  const std::int64_t from = now.nanoseconds - kWrittenBehindMax.count();
  const std::int64_t to = now.nanoseconds + kWrittenAheadMax.count();
  const std::int64_t said = batch.written.nanoseconds;
  return said != 0 && from <= said && said <= to ? batch.written : now;
}

Result<Outcome> apply_step(WorkingSet& set, const Origin& origin, const Scope& scope,
                           Timestamp written, const Step& step) {
  rules::Work work{set, origin, step.when, scope, written};
  return std::visit([&](const auto& op) { return rules::apply(work, op); }, step.op);
}

// Whether the volume is fuller than before in what has a limit: a volume over its quota may shrink.
bool grew(const Volume& before, const Volume& after) {
  return (after.quota_bytes > 0 && after.used_bytes > after.quota_bytes &&
          after.used_bytes > before.used_bytes) ||
         (after.quota_nodes > 0 && after.used_nodes > after.quota_nodes &&
          after.used_nodes > before.used_nodes) ||
         (after.quota_versions > 0 && after.used_versions > after.quota_versions &&
          after.used_versions > before.used_versions);
}

Error quota_error(const Volume& volume, std::size_t step) {
  Error error;
  error.code = Code::no_space;
  error.subject = volume.name;
  error.step = static_cast<std::uint32_t>(step);
  error.message = "the volume " + volume.name + " would hold " + std::to_string(volume.used_bytes) +
                  " bytes in " + std::to_string(volume.used_nodes) + " nodes and " +
                  std::to_string(volume.used_versions) + " kept versions, its quota is " +
                  std::to_string(volume.quota_bytes) + " bytes, " +
                  std::to_string(volume.quota_nodes) + " nodes and " +
                  std::to_string(volume.quota_versions) +
                  " versions (0: none): remove something or ask for a larger quota";
  return error;
}

// Outcomes show their nodes as they are after the batch; a later step may have changed them.
Status show_final(WorkingSet& set, std::size_t first_change, std::vector<Outcome>& outcomes) {
  std::map<Inode, std::uint32_t> gone;
  for (std::size_t i = first_change; i < set.changes().size(); ++i) {
    const Change& change = set.changes()[i];
    gone[change.node.inode] = change.node.attributes.links;
    if (change.other) gone[change.other->inode] = change.other->links;
  }
  for (Outcome& outcome : outcomes) {
    auto stored = set.node(outcome.node.inode);
    if (!stored) return stored.error();
    if (*stored) {
      outcome.node = (*stored)->node;
    } else if (gone.contains(outcome.node.inode)) {
      outcome.node.attributes.links = 0;
    }
  }
  return success();
}

// Who follows a part of the volume must know every name of a node that has several.
Status note_names(WorkingSet& set, std::size_t first_change) {
  for (std::size_t i = first_change; i < set.changes().size(); ++i) {
    const Change& change = set.changes()[i];
    const bool several = change.node.attributes.links > 1 || change.kind == ChangeKind::unlink;
    if (change.node.is(Kind::directory) || change.node.removed() || !several) continue;
    auto stored = set.node(change.node.inode);
    if (!stored) return stored.error();
    if (!*stored) continue;  // a later step removed it: nobody will look for its names
    auto paths = set.paths_of(change.node.inode);
    if (!paths) return paths.error();
    std::vector<std::string> also = change.also;
    for (std::string& path : *paths) {
      if (path != change.path && also.size() < kChangeNamesMax) also.push_back(std::move(path));
    }
    set.note_paths(i, std::move(also));
  }
  return success();
}

Result<Applied> apply_steps(WorkingSet& set, const Origin& origin, const Batch& batch,
                            const Scope& scope, const ContentRules& rules) {
  const Volume before = set.volume();
  const std::size_t first_change = set.changes().size();
  const std::size_t first_content = set.contents().size();
  const Timestamp written = written_at(batch, set.now());
  std::size_t grown_at = 0;
  std::vector<Seq> step_ends;
  Applied applied;
  for (std::size_t i = 0; i < batch.steps.size(); ++i) {
    const Volume so_far = set.volume();
    auto outcome = apply_step(set, origin, scope, written, batch.steps[i]);
    if (!outcome) {
      Error error = outcome.error();
      error.step = static_cast<std::uint32_t>(i);
      return error;
    }
    if (grew(so_far, set.volume())) grown_at = i;
    applied.outcomes.push_back(std::move(*outcome));
    step_ends.push_back(set.volume().head);
  }
  if (grew(before, set.volume())) return quota_error(set.volume(), grown_at);
  auto reviewed = rules::review({set, rules, first_change, first_content, step_ends, applied});
  if (!reviewed) return reviewed.error();
  if (auto shown = show_final(set, first_change, applied.outcomes); !shown) return shown.error();
  if (auto noted = note_names(set, first_change); !noted) return noted.error();
  if (set.changes().size() > first_change) {
    applied.first = set.changes()[first_change].seq;
    applied.last = set.changes().back().seq;
  }
  return applied;
}

}  // namespace

Verdict judge(Policy policy, std::optional<Version> base, Version current) {
  if (!base || *base == current) return Verdict::clean;
  switch (policy) {
    case Policy::last_writer: return Verdict::override_flagged;
    case Policy::merge: return Verdict::merge;
    case Policy::refuse: return Verdict::refused;
  }
  CHECK(false);
}

Result<Applied> apply_batch(WorkingSet& set, const Origin& origin, const Batch& batch,
                            const Scope& scope, const ContentRules& rules) {
  const WorkingSet::Savepoint savepoint = set.savepoint();
  auto applied = apply_steps(set, origin, batch, scope, rules);
  if (!applied) set.undo_to(savepoint);
  return applied;
}

}  // namespace outboard
