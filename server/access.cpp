#include "server/access.h"

#include <utility>

#include "core/limits.h"

namespace outboard::server {
namespace {

enum class Right { none, read, write };

// What the grants of `caller` allow in a volume of `organisation`.
Right right_of(const Caller& caller, VolumeId volume, std::uint64_t organisation) {
  if (caller.organisation != 0 && caller.organisation != organisation) return Right::none;
  Right right = Right::none;
  for (const Grant& grant : caller.grants) {
    if (grant.volume && grant.volume != volume) continue;
    if (grant.prefix != "/") continue;
    if (grant.write) return Right::write;
    right = Right::read;
  }
  return right;
}

// The same words as for a volume that is not there.
Error hidden(std::string subject) {
  Error error;
  error.code = Code::not_found;
  error.message =
      "no volume " + subject +
      " that this token may see; check the name, or ask for a token with a grant for it";
  error.subject = std::move(subject);
  return error;
}

Error read_only(std::string subject) {
  Error error;
  error.code = Code::read_only;
  error.message = "this token may read volume " + subject +
                  " but not change it; ask for a token whose grant ends in :rw";
  error.subject = std::move(subject);
  return error;
}

}  // namespace

void Access::remember(const Volume& volume) {
  owners_.with([&](Owners& owners) {
    if (owners.size() >= kAccessVolumesMax) owners.clear();
    owners.insert_or_assign(volume.id, volume.organisation);
  });
}

Result<std::uint64_t> Access::owner_of(const Call& call, VolumeId volume) {
  const auto known = owners_.with([&](const Owners& owners) -> std::optional<std::uint64_t> {
    const auto found = owners.find(volume);
    if (found == owners.end()) return std::nullopt;
    return found->second;
  });
  if (known) return *known;
  auto described = store_.describe(call, volume);
  if (!described) {
    if (described.error().code == Code::not_found) return hidden(to_string(volume));
    return described.error();
  }
  remember(*described);
  return described->organisation;
}

Status Access::may_read(const Call& call, VolumeId volume) {
  auto owner = owner_of(call, volume);
  if (!owner) return owner.error();
  if (right_of(call.caller, volume, *owner) == Right::none) return hidden(to_string(volume));
  return success();
}

Status Access::may_write(const Call& call, VolumeId volume) {
  auto owner = owner_of(call, volume);
  if (!owner) return owner.error();
  switch (right_of(call.caller, volume, *owner)) {
    case Right::none: return hidden(to_string(volume));
    case Right::read: return read_only(to_string(volume));
    case Right::write: return success();
  }
  CHECK(false);
}

Result<Volume> Access::open_volume(const Call& call, std::string_view name) {
  auto volume = store_.open_volume(call, name);
  if (!volume) {
    if (volume.error().code == Code::not_found) return hidden(std::string(name));
    return volume;
  }
  remember(*volume);
  const Right right = right_of(call.caller, volume->id, volume->organisation);
  if (right == Right::none) return hidden(std::string(name));
  if (right == Right::read) volume->read_only = true;
  return volume;
}

Result<Volume> Access::describe(const Call& call, VolumeId id) {
  auto volume = store_.describe(call, id);
  if (!volume) {
    if (volume.error().code == Code::not_found) return hidden(to_string(id));
    return volume;
  }
  remember(*volume);
  const Right right = right_of(call.caller, id, volume->organisation);
  if (right == Right::none) return hidden(to_string(id));
  if (right == Right::read) volume->read_only = true;
  return volume;
}

Result<Applied> Access::apply(const Call& call, VolumeId volume, const Batch& batch) {
  if (auto may = may_write(call, volume); !may) return may.error();
  for (const Step& step : batch.steps) {
    if (std::holds_alternative<Redact>(step.op) && !call.caller.admin && call.caller.token != 0) {
      return Error{Code::no_access,
                   "redaction takes bytes away for good: only an administrator's token may"};
    }
  }
  return store_.apply(call, volume, batch);
}

Result<At<Entry>> Access::lookup(const Call& call, VolumeId volume, const NameRef& name,
                                 const ReadAt& at) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.lookup(call, volume, name, at);
}

Result<At<Node>> Access::attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                    const ReadAt& at) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.attributes(call, volume, node, at);
}

Result<At<Page>> Access::list(const Call& call, VolumeId volume, const NodeRef& directory,
                              std::string_view after, std::uint32_t limit, const ReadAt& at) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.list(call, volume, directory, after, limit, at);
}

Result<At<Content>> Access::read(const Call& call, VolumeId volume, Inode inode, Version version,
                                 std::uint64_t offset, std::size_t size) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.read(call, volume, inode, version, offset, size);
}

Result<At<std::vector<Result<Content>>>> Access::read_many(const Call& call, VolumeId volume,
                                                           const std::vector<ContentKey>& keys) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.read_many(call, volume, keys);
}

Result<Seq> Access::snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                             const std::function<void(SnapshotPart)>& take) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.snapshot(call, volume, query, take);
}

Result<Xattrs> Access::xattrs(const Call& call, VolumeId volume, Inode inode) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.xattrs(call, volume, inode);
}

Result<At<std::vector<Change>>> Access::history(const Call& call, VolumeId volume,
                                                const HistoryQuery& query) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.history(call, volume, query);
}

Result<At<std::vector<VersionInfo>>> Access::versions(const Call& call, VolumeId volume,
                                                      const NodeRef& node) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.versions(call, volume, node);
}

Result<std::unique_ptr<Subscription>> Access::subscribe(const Call& call, VolumeId volume,
                                                        Seq after, std::shared_ptr<FeedSink> sink) {
  if (auto may = may_read(call, volume); !may) return may.error();
  return store_.subscribe(call, volume, after, std::move(sink));
}

Status Access::lock(const Call& call, VolumeId volume, const LockQuery& query) {
  const bool exclusive = query.kind == LockKind::exclusive;
  if (auto may = exclusive ? may_write(call, volume) : may_read(call, volume); !may) return may;
  return store_.lock(call, volume, query);
}

}  // namespace outboard::server
