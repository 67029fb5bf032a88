#include "cli/push.h"

#include <algorithm>

#include "cli/local_files.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

NameRef name_at(std::string_view path) {
  const auto [parent, name] = split_last(path);
  return NameRef{std::string(parent), std::string(name)};
}

Result<Op> publish(const PushStep& step) {
  auto bytes = read_file(step.local.source, kBatchBytesMax);
  if (!bytes) return bytes.error();
  if (bytes->size() != step.local.size || sha256(*bytes) != step.local.digest) {
    return Error{Code::conflict,
                 step.local.source.string() + " changed while it was being pushed: push again",
                 step.path};
  }
  Publish op{name_at(step.path), std::move(*bytes), Version{}, step.local.mode(), 0, 0, false};
  if (step.remote) {
    op.base = step.remote->version;
    const bool executable = (step.remote->attributes.mode & 0111U) != 0;
    if (executable == step.local.executable) op.mode.reset();
  }
  return Op(std::move(op));
}

Result<Op> op_of(const PushStep& step) {
  switch (step.deed) {
    case Deed::remove:
      if (step.remote->is(Kind::directory)) return Op(RemoveDirectory{name_at(step.path), true});
      return Op(Unlink{name_at(step.path)});
    case Deed::attributes: {
      SetAttributes op;
      op.node = step.path;
      op.mode = step.local.mode();
      return Op(std::move(op));
    }
    case Deed::add:
      if (step.local.is_directory()) {
        return Op(MakeDirectory{name_at(step.path), step.local.mode(), 0, 0, true});
      }
      if (step.local.kind == Kind::symlink) {
        return Op(MakeSymlink{name_at(step.path), step.local.target, 0, 0});
      }
      return publish(step);
    case Deed::change: return publish(step);
  }
  return Error{Code::unsupported, "unknown kind of step", step.path};
}

std::uint64_t bytes_of(const PushStep& step) {
  return step.deed == Deed::add || step.deed == Deed::change ? step.local.size : 0;
}

}  // namespace

Result<Pushed> push(Context& context, Store& store, VolumeId volume, const PushPlan& plan,
                    const std::function<void(std::uint64_t, std::uint64_t)>& advance) {
  Pushed pushed;
  for (std::size_t at = 0; at < plan.steps.size();) {
    Batch batch;
    std::uint64_t bytes = 0;
    const std::size_t first = at;
    while (at < plan.steps.size() && batch.steps.size() < kBatchStepsMax &&
           (at == first || bytes + bytes_of(plan.steps[at]) <= kBatchBytesMax)) {
      auto op = op_of(plan.steps[at]);
      if (!op) return op.error();
      bytes += bytes_of(plan.steps[at]);
      batch.steps.push_back(Step{std::move(*op), {}});
      ++at;
    }
    context.name(batch);
    auto applied = store.apply(context.call(), volume, batch);
    if (!applied) return applied.error();
    if (applied->last) pushed.seq = applied->last;
    ++pushed.batches;
    for (std::size_t i = 0; i < applied->outcomes.size(); ++i) {
      const auto& warnings = applied->outcomes[i].warnings;
      pushed.warnings.insert(pushed.warnings.end(), warnings.begin(), warnings.end());
      if (applied->outcomes[i].conflict) pushed.overridden.push_back(plan.steps[first + i].path);
    }
    advance(at - first, bytes);
  }
  return pushed;
}

}  // namespace outboard::cli
