#include "cli/sync/decision.h"

namespace outboard::sync {
namespace {

bool alike(const Local& local, const Node& remote) {
  if (local.found.kind != remote.kind) return false;
  if (remote.is(Kind::directory)) return true;
  if (remote.is(Kind::symlink)) return local.found.target == remote.target;
  return remote.digest == local.digest && local.found.executable == is_executable(remote);
}

}  // namespace

bool is_executable(const Node& node) {
  return node.is(Kind::file) && (node.attributes.mode & 0111U) != 0;
}

bool changed_here(const Sides& sides) {
  if (sides.base.has_value() != sides.local.has_value()) return true;
  if (!sides.base) return false;
  const Found& found = sides.local->found;
  if (sides.base->kind != found.kind) return true;
  if (found.kind == Kind::directory) return false;
  return sides.base->digest != sides.local->digest || sides.base->executable != found.executable;
}

bool changed_there(const Sides& sides) {
  if (sides.base.has_value() != sides.remote.has_value()) return true;
  if (!sides.base) return false;
  const Node& node = *sides.remote;
  if (sides.base->kind != node.kind) return true;
  if (node.is(Kind::directory)) return false;
  if (node.is(Kind::symlink)) return sides.base->digest != sha256(node.target);
  return sides.base->inode != node.inode || sides.base->version != node.version ||
         sides.base->executable != is_executable(node);
}

Verdict decide(const Sides& sides) {
  if (!sides.local && !sides.remote) return sides.base ? Verdict::forget : Verdict::nothing;
  if (sides.local && sides.remote && alike(*sides.local, *sides.remote)) return Verdict::record;
  const bool here = changed_here(sides);
  const bool there = changed_there(sides);
  if (!here && !there) return Verdict::record;
  if (!there) return sides.local ? Verdict::send : Verdict::remove_there;
  if (!here) return sides.remote ? Verdict::bring : Verdict::remove_here;
  if (!sides.local) return Verdict::bring;
  return sides.remote ? Verdict::both : Verdict::send;
}

}  // namespace outboard::sync
