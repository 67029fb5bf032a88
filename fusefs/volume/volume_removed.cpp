// `.history/DIRECTORY`: beside what stands there, what was removed from it. [S11]
#include <set>

#include "fusefs/volume/request_scope.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

// Of several that stood under one name the newest. Changes that were not asked for come from a
// server that does not know the question, and are passed over.
Result<RemovedNames> MountedVolume::ask_removed(const HistoryKey& directory,
                                                std::string_view name) {
  HistoryQuery query;
  query.removed_from = directory.inode;
  query.removed_name = std::string(name);
  query.before = Seq{directory.as_of.value + 1};
  query.limit = name.empty() ? kRemovedNamesMax : 1;
  auto history = store_.history(RequestScope::call(read_deadline()), volume_.id, query);
  if (!history) return std::move(history).error();
  auto removed = std::make_shared<std::vector<RemovedName>>();
  std::set<std::string> names;
  for (Change& change : history->value) {
    if (change.kind != ChangeKind::unlink || !change.before) continue;
    const Dentry& was = *change.before;
    if (was.parent != directory.inode || (!name.empty() && was.name != name)) continue;
    if (!has_history(change.node) || !names.insert(was.name).second) continue;
    removed->emplace_back(was.name, std::move(change.node));
  }
  return RemovedNames(std::move(removed));
}

HistoryRow& MountedVolume::look_up_removed(const RemovedName& removed, Seq as_of) {
  const auto& [name, node] = removed;
  HistoryRow& row = state_.history.look_up({shape_now(node), node.inode, {}, as_of}, node);
  row.name = name;
  return row;
}

Result<Shown> MountedVolume::lookup_removed(const HistoryKey& directory, std::string_view name) {
  const auto removed = ask_removed(directory, name);
  if (!removed) return removed.error();
  if ((*removed)->empty()) {
    return Error{Code::not_found, "no such name in the history", std::string(name)};
  }
  Lock lock(mutex_);
  return shown_past(look_up_removed((*removed)->front(), directory.as_of));
}

// One question for each id, however often it is listed.
Status MountedVolume::load_removed(NodeId directory) {
  HistoryKey key;
  {
    Lock lock(mutex_);
    const HistoryRow* row = state_.history.find(directory);
    if (row == nullptr || row->removed) return success();
    key = row->key;
  }
  auto removed = ask_removed(key, {});
  if (!removed) return std::move(removed).error();
  Lock lock(mutex_);
  if (HistoryRow* row = state_.history.find(directory)) row->removed = *std::move(removed);
  return success();
}

}  // namespace outboard::fusefs
