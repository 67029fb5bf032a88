#include "cli/push_ops.h"

#include "cli/local_files.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

bool sends(const PushStep& step) {
  return (step.deed == Deed::add || step.deed == Deed::change) && step.local.kind == Kind::file &&
         step.local.link_of.empty();
}

Result<Op> publish(const PushStep& step) {
  auto bytes = read_file(step.local.source, kPushPieceBytes);
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
    const bool same_mode = !step.local.permissions && executable == step.local.executable;
    if (same_mode) op.mode.reset();
  }
  return Op(std::move(op));
}

Result<Op> first_op(const PushStep& step) {
  switch (step.deed) {
    case Deed::remove:
      if (step.remote->is(Kind::directory)) return Op(RemoveDirectory{name_at(step.path), true});
      return Op(Unlink{name_at(step.path)});
    case Deed::attributes:
      return Error{Code::unsupported, "attributes have no first op", step.path};
    case Deed::add:
      if (step.local.is_directory()) {
        return Op(MakeDirectory{name_at(step.path), step.local.mode(), 0, 0, true});
      }
      if (step.local.kind == Kind::symlink) {
        return Op(MakeSymlink{name_at(step.path), step.local.target, 0, 0});
      }
      if (!step.local.link_of.empty()) {
        return Op(MakeLink{NodeRef{step.local.link_of}, name_at(step.path)});
      }
      return publish(step);
    case Deed::change: return publish(step);
  }
  return Error{Code::unsupported, "unknown kind of step", step.path};
}

Precondition expected(const PushStep& step) {
  Precondition when;
  const bool file = step.remote && step.remote->is(Kind::file);
  if (file) when.version = step.remote->version;
  if (!step.remote && !step.local.is_directory()) when.absent = true;
  return when;
}

}  // namespace

NameRef name_at(std::string_view path) {
  const auto [parent, name] = split_last(path);
  return NameRef{std::string(parent), std::string(name)};
}

bool goes_in_pieces(const PushStep& step) {
  return sends(step) && step.local.size > kPushPieceBytes;
}

void add_attributes(const PushStep& step, bool mode, std::vector<Step>& to) {
  if (mode) {
    SetAttributes op;
    op.node = step.path;
    op.mode = step.local.mode();
    to.push_back(Step{std::move(op), {}});
  }
  const Xattrs none;
  const Xattrs& there = step.xattrs ? *step.xattrs : none;
  for (const auto& [name, value] : step.local.xattrs) {
    const auto has = there.find(name);
    if (has != there.end() && has->second == value) continue;
    to.push_back(Step{SetXattr{NodeRef{step.path}, name, value, XattrMode::create_or_replace}, {}});
  }
  for (const auto& [name, value] : there) {
    const bool ours = name.starts_with("user.") && !step.local.xattrs.contains(name);
    if (ours) to.push_back(Step{RemoveXattr{NodeRef{step.path}, name}, {}});
  }
}

Result<std::vector<Step>> ops_of(const PushStep& step, bool guarded) {
  std::vector<Step> steps;
  if (step.deed == Deed::attributes) {
    add_attributes(step, step.local.mode() != step.remote->attributes.mode, steps);
    return steps;
  }
  if (step.deed == Deed::change && !step.local.link_of.empty()) {
    steps.push_back(Step{Unlink{name_at(step.path)}, guarded ? expected(step) : Precondition{}});
    steps.push_back(Step{MakeLink{NodeRef{step.local.link_of}, name_at(step.path)}, {}});
    return steps;
  }
  auto op = first_op(step);
  if (!op) return op.error();
  // Node by node: a directory that somebody put something into is not emptied.
  if (auto* remove = std::get_if<RemoveDirectory>(&*op)) remove->recursive = !guarded;
  steps.push_back(Step{*std::move(op), guarded ? expected(step) : Precondition{}});
  const bool has_own = step.deed != Deed::remove && step.local.link_of.empty();
  // A file that stood there and is replaced whole keeps what it had of both.
  if (has_own) add_attributes(step, false, steps);
  return steps;
}

}  // namespace outboard::cli
