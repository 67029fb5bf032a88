// ScopedReader: reads one volume for one call of somebody who sees a part of it.
//
// Access → ScopedReader → the store. What is hidden is not_found in the words of what is absent.
//
// What always holds: a path that was asked for is judged as it was asked; a node asked for by its
// number is judged by where it stands after the answer was read, so that nothing that has left the
// caller's view is told. Whoever sees a file sees its kept versions.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/scope.h"
#include "core/store.h"

namespace outboard::server {

class ScopedReader {
 public:
  // `store`, `call` and `scope` outlive it.
  ScopedReader(Store& store, const Call& call, VolumeId volume, const Scope& scope)
      : store_(store), call_(call), volume_(volume), scope_(scope) {}

  Result<At<Entry>> lookup(const NameRef& name, const ReadAt& at);
  Result<At<Node>> attributes(const NodeRef& node, const ReadAt& at);
  Result<At<Page>> list(const NodeRef& directory, std::string_view after, std::uint32_t limit,
                        const ReadAt& at);
  Result<At<Content>> read(Inode inode, Version version, std::uint64_t offset, std::size_t size);
  Result<At<std::vector<Result<Content>>>> read_many(const std::vector<ContentKey>& keys);
  Result<Seq> snapshot(const SnapshotQuery& query, const std::function<void(SnapshotPart)>& take);
  Result<At<Xattrs>> xattrs(Inode inode, const ReadAt& at);
  Result<At<std::vector<Change>>> history(const HistoryQuery& query);
  Result<At<std::vector<VersionInfo>>> versions(const NodeRef& node);
  // success, read_only, not_found.
  Status may_lock(Inode inode, bool exclusive);

 private:
  // What may be done with the node by where it stands now.
  Result<Right> right_of(Inode inode, bool directory);
  // The path of a directory; nothing when it has none in view or on the way.
  Result<std::string> path_of_directory(const NodeRef& directory);
  // The store's refusal of a path in view, without what lies above the view.
  Error refusal(const Error& error, const std::string& path);
  // An entry at `path` as the scope shows it.
  Result<Entry> shown(Entry entry, const std::string& path);
  Result<At<Page>> list_ways(const std::string& path, std::string_view after, std::uint32_t limit,
                             const ReadAt& at);
  // Answers `read()` if the node is in view, by number or by path.
  template <class T, class F>
  Result<T> in_view(const NodeRef& node, F&& read);

  Store& store_;
  const Call& call_;
  const VolumeId volume_;
  const Scope& scope_;
};

}  // namespace outboard::server
