// PgTreeSource: what the rules read of a volume, within one transaction that holds its row lock.
//
// Most of it is fetched in one round trip by what the batches name; the rest by single queries when
// the rules ask. Lives as long as one transaction, used by its thread.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/working_set.h"
#include "server/postgres/connection.h"
#include "server/postgres/group_names.h"

namespace outboard::server {

// Inode numbers in blocks, each block taken from the database's sequence. Used by one thread.
class InodeNumbers {
 public:
  Result<Inode> next(Connection& connection, Moment deadline);

 private:
  std::uint64_t next_ = 0;
  std::uint64_t end_ = 0;
};

class PgTreeSource final : public TreeSource {
 public:
  PgTreeSource(Connection& connection, InodeNumbers& numbers, VolumeId volume, Moment deadline)
      : connection_(connection), numbers_(numbers), volume_(volume), deadline_(deadline) {}

  // Requests that fetch all that `names` say; their answers, in order, go to take().
  std::vector<Request> prefetch(const GroupNames& names);
  void take(const GroupNames& names, const std::vector<Rows>& answers, std::size_t first);

  Result<std::optional<StoredNode>> node(Inode inode) override;
  Result<std::optional<StoredNode>> removed_node(Inode inode) override;
  Result<std::optional<Inode>> child(const Dentry& name) override;
  Result<Dentry> name_of(Inode inode) override;
  Result<std::vector<Dentry>> names_of(Inode inode) override;
  Result<std::vector<std::pair<std::string, Inode>>> children(Inode directory) override;
  Result<bool> has_children(Inode directory) override;
  Result<std::optional<StoredVersion>> version(Inode inode, Version version) override;
  Result<std::string> inline_content(Inode inode, Version version) override;
  Result<std::string> chunked_content(Inode inode, const StoredVersion& version,
                                      std::uint64_t offset, std::uint64_t size) override;
  Result<Sha256> digest(Inode inode, Version version) override;
  Result<Xattrs> xattrs(Inode inode) override;
  Result<Inode> allot_inode() override { return numbers_.next(connection_, deadline_); }

 private:
  Result<Rows> run(const Sql& sql, const Params& params) {
    return connection_.run(sql, params, deadline_);
  }
  Params key() const {
    Params params;
    params.int8(volume_.value);
    return params;
  }
  enum class Part { entries, contents };
  void take_entries(const Rows& rows);
  void take_contents(const Rows& rows);
  void note_absent(const GroupNames& names);

  Connection& connection_;
  InodeNumbers& numbers_;
  const VolumeId volume_;
  const Moment deadline_;
  std::vector<Part> asked_;  // what was prefetched, for take()
  std::map<Inode, std::optional<StoredNode>> nodes_;
  std::map<Dentry, std::optional<Inode>> children_;
  std::map<Inode, Dentry> names_;
  std::map<std::string, Inode> paths_;
  std::map<std::pair<Inode, Version>, StoredVersion> versions_;
  std::map<std::pair<Inode, Version>, std::string> contents_;
};

}  // namespace outboard::server
