#include "server/postgres/group_names.h"

#include "core/path.h"

namespace outboard::server {
namespace {

// Calls `node` with each NodeRef and `name` with each NameRef of an op; `content` says whether the
// op edits bytes that are there.
template <class Node, class Name>
struct Visit {
  Node node;
  Name name;

  void operator()(const CreateFile& op) { name(op.at, false); }
  void operator()(const MakeDirectory& op) { name(op.at, false); }
  void operator()(const MakeNode& op) { name(op.at, false); }
  void operator()(const MakeSymlink& op) { name(op.at, false); }
  void operator()(const MakeLink& op) {
    node(op.node, false);
    name(op.at, false);
  }
  void operator()(const Rename& op) {
    name(op.from, false);
    name(op.to, false);
  }
  void operator()(const Unlink& op) { name(op.at, false); }
  void operator()(const RemoveDirectory& op) { name(op.at, false); }
  void operator()(const SetAttributes& op) { node(op.node, false); }
  void operator()(const SetXattr& op) { node(op.node, false); }
  void operator()(const RemoveXattr& op) { node(op.node, false); }
  void operator()(const Write& op) { node(op.node, op.keep != std::uint64_t{0}); }
  void operator()(const Truncate& op) { node(op.node, true); }
  void operator()(const Append& op) { node(op.node, true); }
  void operator()(const Publish& op) { name(op.at, false); }
  void operator()(const Restore& op) {
    if (op.to) name(*op.to, false);
  }
  void operator()(const Redact&) {}
};

template <class Node, class Name>
void visit_refs(const Batch& batch, Node node, Name name) {
  Visit<Node, Name> visit{node, name};
  for (const Step& step : batch.steps) std::visit(visit, step.op);
}

void add_path(std::set<std::string>& paths, std::string_view path) {
  while (paths.insert(std::string(path)).second && path != "/") path = split_last(path).first;
}

}  // namespace

void GroupNames::add(const Batch& batch) {
  visit_refs(
      batch,
      [this](const NodeRef& ref, bool content) {
        if (const auto* path = std::get_if<std::string>(&ref)) {
          add_path(paths, *path);
          if (content) content_paths.insert(*path);
          return;
        }
        inodes.insert(std::get<Inode>(ref));
        if (content) contents.insert(std::get<Inode>(ref));
      },
      [this](const NameRef& ref, bool) {
        if (const auto* path = std::get_if<std::string>(&ref.parent)) {
          add_path(paths, join(*path, ref.name));
          return;
        }
        inodes.insert(std::get<Inode>(ref.parent));
        names.insert(Dentry{std::get<Inode>(ref.parent), ref.name});
      });
}

}  // namespace outboard::server
