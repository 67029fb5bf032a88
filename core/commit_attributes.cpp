// The rules for what stands beside content: modes, owners, times, extended attributes.
#include <utility>

#include "core/commit_step.h"
#include "core/ignored.h"
#include "core/limits.h"

namespace outboard::rules {
namespace {

Result<Target> enter_target(Work& work, const NodeRef& node) {
  auto target = find_target(work, node);
  if (!target) return target;
  const std::string subject = target->path.empty() ? "the node" : target->path;
  if (auto good = check_when(work, target->stored, subject); !good) return good.error();
  return target;
}

// The attribute becomes `to`, or goes; what it was is kept with the change. [S28]
Result<Outcome> store_xattr(Work& work, Target& target, Xattrs xattrs, const std::string& attribute,
                            const std::optional<std::string>& to) {
  FormerXattr former;
  former.name = attribute;
  if (const auto had = xattrs.find(attribute); had != xattrs.end()) former.value = had->second;
  if (to) {
    xattrs[attribute] = *to;
  } else {
    xattrs.erase(attribute);
  }
  std::size_t bytes = 0;
  for (const auto& [name, value] : xattrs) bytes += name.size() + value.size();
  Node& node = target.stored.node;
  if (bytes > kXattrTotalBytesMax) {
    return refuse(Code::too_big, path_for_log(work, target),
                  "the attributes of one node would have " + std::to_string(bytes) +
                      " bytes, the limit is " + std::to_string(kXattrTotalBytesMax));
  }
  work.set.use(static_cast<std::int64_t>(bytes) - static_cast<std::int64_t>(node.xattr_bytes), 0);
  node.xattr_bytes = static_cast<std::uint32_t>(bytes);
  node.attributes.changed = work.set.now();
  work.set.put_xattrs(node.inode, std::move(xattrs));
  work.set.put_node(target.stored);
  Change change = make_change(work, ChangeKind::xattrs, node, path_for_log(work, target));
  if (former.value && is_ignored(work.set.volume().ignored, change.path)) {  // [S34]
    former.value.reset();
    former.lost = Lost::let_go;
  }
  former.inode = node.inode;
  former.seq = work.set.record(std::move(change));
  const Seq seq = former.seq;
  work.set.keep_former(std::move(former));
  return outcome_of(node, target.dentry, seq);
}

}  // namespace

Result<Outcome> apply(Work& work, const SetAttributes& op) {
  auto target = enter_target(work, op.node);
  if (!target) return target.error();
  Node& node = target->stored.node;
  if (!op.mode && !op.uid && !op.gid && !op.accessed && !op.modified) {
    return outcome_of(node, target->dentry, Seq{});
  }
  Attributes& attributes = node.attributes;
  attributes.mode = op.mode.value_or(attributes.mode);
  attributes.uid = op.uid.value_or(attributes.uid);
  attributes.gid = op.gid.value_or(attributes.gid);
  attributes.accessed = op.accessed.value_or(attributes.accessed);
  attributes.modified = op.modified.value_or(attributes.modified);
  attributes.changed = work.set.now();
  work.set.put_node(target->stored);
  const Seq seq =
      work.set.record(make_change(work, ChangeKind::attributes, node, path_for_log(work, *target)));
  return outcome_of(node, target->dentry, seq);
}

Result<Outcome> apply(Work& work, const SetXattr& op) {
  auto target = enter_target(work, op.node);
  if (!target) return target.error();
  auto xattrs = work.set.xattrs(target->stored.node.inode);
  if (!xattrs) return xattrs.error();
  const bool there = xattrs->contains(op.name);
  if (there && op.mode == XattrMode::create) {
    return refuse(Code::exists, op.name, "the attribute " + op.name + " exists already");
  }
  if (!there && op.mode == XattrMode::replace) {
    return refuse(Code::not_found, op.name, "there is no attribute " + op.name + " to replace");
  }
  return store_xattr(work, *target, std::move(*xattrs), op.name, op.value);
}

Result<Outcome> apply(Work& work, const RemoveXattr& op) {
  auto target = enter_target(work, op.node);
  if (!target) return target.error();
  auto xattrs = work.set.xattrs(target->stored.node.inode);
  if (!xattrs) return xattrs.error();
  if (!xattrs->contains(op.name)) {
    return refuse(Code::not_found, op.name, "there is no attribute " + op.name);
  }
  return store_xattr(work, *target, std::move(*xattrs), op.name, std::nullopt);
}

}  // namespace outboard::rules
