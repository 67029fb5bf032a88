#include "cli/push.h"

#include <algorithm>

#include "cli/local_files.h"
#include "cli/push_ops.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

std::uint64_t bytes_of(const PushStep& step) {
  const bool sends = step.deed == Deed::add || step.deed == Deed::change;
  return sends && step.local.link_of.empty() ? step.local.size : 0;
}

class Pushing {
 public:
  Pushing(Context& context, Store& store, VolumeId volume, const PushWatch& watch, bool guarded)
      : context_(context), store_(store), volume_(volume), watch_(watch), guarded_(guarded) {}

  // In one batch: at and behind `first`; where the next one begins.
  Result<std::size_t> push_some(const std::vector<PushStep>& steps, std::size_t first) {
    Batch batch;
    std::vector<std::size_t> heads;  // of each step, its first op in the batch
    std::uint64_t bytes = 0;
    std::size_t at = first;
    for (; at < steps.size() && !goes_in_pieces(steps[at]); ++at) {
      if (at > first && bytes + bytes_of(steps[at]) > kBatchBytesMax) break;
      auto ops = ops_of(steps[at], guarded_);
      if (!ops) return ops.error();
      if (!batch.steps.empty() && batch.steps.size() + ops->size() > kBatchStepsMax) break;
      heads.push_back(batch.steps.size());
      bytes += bytes_of(steps[at]);
      std::move(ops->begin(), ops->end(), std::back_inserter(batch.steps));
    }
    auto applied = apply(batch);
    if (!applied) return applied.error();
    for (std::size_t i = 0; i < heads.size(); ++i) {
      const PushStep& step = steps[first + i];
      if (heads[i] >= applied->outcomes.size()) continue;
      const Outcome& outcome = applied->outcomes[heads[i]];
      if (outcome.conflict) pushed_.overridden.push_back(step.path);
      if (watch_.done) watch_.done(step, step.deed == Deed::remove ? nullptr : &outcome.node);
    }
    watch_.advance(at - first, bytes);
    return at;
  }

  Status push_in_pieces(const PushStep& step) {
    const NameRef to = name_at(step.path);
    NameRef part{to.parent, ".outboard-part-" + to_string(step.local.digest).substr(0, 32)};
    auto sent = send_pieces(step, part);
    if (!sent) return sent;
    std::vector<Step> steps;
    Rename rename{part, to, RenameMode::replace, Version{}};
    if (step.remote) rename.base = step.remote->version;
    steps.push_back(Step{std::move(rename), {}});
    // The node is a new one: it has its mode, and takes its attributes now.
    PushStep fresh = step;
    fresh.xattrs.reset();
    add_attributes(fresh, false, steps);
    auto applied = apply(Batch{{}, 0, std::move(steps)});
    if (!applied) return applied.error();
    if (applied->outcomes.front().conflict) pushed_.overridden.push_back(step.path);
    auto node = store_.attributes(context_.call(), volume_, NodeRef{step.path});
    if (!node) return node.error();
    if (watch_.done) watch_.done(step, &node->value);
    watch_.advance(1, 0);
    return success();
  }

  Pushed take() { return std::move(pushed_); }

 private:
  Result<Applied> apply(Batch batch) {
    if (batch.steps.empty()) return Applied{};
    context_.name(batch);
    auto applied = store_.apply(context_.call(), volume_, batch);
    if (!applied) return applied;
    if (applied->last) pushed_.seq = applied->last;
    ++pushed_.batches;
    for (const Outcome& outcome : applied->outcomes) {
      pushed_.warnings.insert(pushed_.warnings.end(), outcome.warnings.begin(),
                              outcome.warnings.end());
    }
    return applied;
  }

  // Into `part`, from where a former push stopped.
  Status send_pieces(const PushStep& step, const NameRef& part) {
    auto made = apply(Batch{{}, 0, {Step{CreateFile{part, step.local.mode(), 0, 0, false}, {}}}});
    if (!made) return made.error();
    const Node& node = made->outcomes.front().node;
    std::uint64_t at = std::min(node.attributes.size, step.local.size);
    watch_.advance(0, at);
    while (at < step.local.size) {
      auto piece = read_piece(step.local.source, at, kPushPieceBytes);
      if (!piece) return piece.error();
      if (piece->empty()) return changed(step);
      Write write;
      write.node = node.inode;
      write.keep = at;
      const std::uint64_t length = piece->size();
      write.extents.push_back(Extent{at, *std::move(piece)});
      auto applied = apply(Batch{{}, 0, {Step{std::move(write), {}}}});
      if (!applied) return applied.error();
      at += length;
      watch_.advance(0, length);
    }
    auto now = digest_file(step.local.source);
    if (!now) return now.error();
    if (now->digest == step.local.digest) return success();
    auto dropped = apply(Batch{{}, 0, {Step{Unlink{part}, {}}}});
    return dropped ? changed(step) : Status(dropped.error());
  }

  static Status changed(const PushStep& step) {
    return Error{Code::conflict,
                 step.local.source.string() + " changed while it was being pushed: push again",
                 step.path};
  }

  Context& context_;
  Store& store_;
  const VolumeId volume_;
  const PushWatch& watch_;
  const bool guarded_;
  Pushed pushed_;
};

}  // namespace

Result<Pushed> push(Context& context, Store& store, VolumeId volume, const PushPlan& plan,
                    const PushWatch& watch, bool guarded) {
  Pushing pushing(context, store, volume, watch, guarded);
  for (std::size_t at = 0; at < plan.steps.size();) {
    if (goes_in_pieces(plan.steps[at])) {
      if (auto done = pushing.push_in_pieces(plan.steps[at]); !done) return done.error();
      ++at;
      continue;
    }
    auto next = pushing.push_some(plan.steps, at);
    if (!next) return next.error();
    at = *next;
  }
  return pushing.take();
}

}  // namespace outboard::cli
