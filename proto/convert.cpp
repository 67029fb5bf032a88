#include "proto/convert.h"

#include <algorithm>

#include "core/check.h"

namespace outboard::wire {

std::string write_uuid(const Uuid& uuid) {
  if (!uuid) return {};
  return {uuid.bytes.begin(), uuid.bytes.end()};
}

Uuid read_uuid(std::string_view field, const std::string& bytes, Faults& faults) {
  Uuid uuid;
  if (bytes.empty()) return uuid;
  if (bytes.size() != uuid.bytes.size()) {
    faults.broken(field, "is no uuid: it must have 16 bytes, or none");
    return uuid;
  }
  std::copy(bytes.begin(), bytes.end(), uuid.bytes.begin());
  return uuid;
}

std::string write_digest(const std::optional<Sha256>& digest) {
  if (!digest) return {};
  return {digest->bytes.begin(), digest->bytes.end()};
}

std::optional<Sha256> read_digest(std::string_view field, const std::string& bytes,
                                  Faults& faults) {
  if (bytes.empty()) return std::nullopt;
  Sha256 digest;
  if (bytes.size() != digest.bytes.size()) {
    faults.broken(field, "is no SHA-256: it must have 32 bytes, or none");
    return std::nullopt;
  }
  std::copy(bytes.begin(), bytes.end(), digest.bytes.begin());
  return digest;
}

void write(const Node& node, v1::Node* to) {
  to->set_inode(node.inode.value);
  to->set_kind(write(node.kind));
  auto* attributes = to->mutable_attributes();
  attributes->set_mode(node.attributes.mode);
  attributes->set_uid(node.attributes.uid);
  attributes->set_gid(node.attributes.gid);
  attributes->set_size(node.attributes.size);
  attributes->set_links(node.attributes.links);
  attributes->set_device(node.attributes.device);
  attributes->set_accessed_unix_ns(node.attributes.accessed.nanoseconds);
  attributes->set_modified_unix_ns(node.attributes.modified.nanoseconds);
  attributes->set_changed_unix_ns(node.attributes.changed.nanoseconds);
  to->set_version(node.version.value);
  to->set_digest(write_digest(node.digest));
  to->set_target(node.target);
  to->set_xattr_bytes(node.xattr_bytes);
}

Node read(const v1::Node& from, Faults& faults) {
  Node node;
  node.inode = Inode{from.inode()};
  node.kind = read(from.kind(), faults);
  const auto& attributes = from.attributes();
  node.attributes.mode = attributes.mode();
  node.attributes.uid = attributes.uid();
  node.attributes.gid = attributes.gid();
  node.attributes.size = attributes.size();
  node.attributes.links = attributes.links();
  node.attributes.device = attributes.device();
  node.attributes.accessed.nanoseconds = attributes.accessed_unix_ns();
  node.attributes.modified.nanoseconds = attributes.modified_unix_ns();
  node.attributes.changed.nanoseconds = attributes.changed_unix_ns();
  node.version = Version{from.version()};
  node.digest = read_digest("node.digest", from.digest(), faults);
  node.target = from.target();
  node.xattr_bytes = from.xattr_bytes();
  return node;
}

void write(const Dentry& dentry, v1::Dentry* to) {
  to->set_parent(dentry.parent.value);
  to->set_name(dentry.name);
}

Dentry read(const v1::Dentry& from, Faults&) {
  return {Inode{from.parent()}, from.name()};
}

void write(const Entry& entry, v1::Entry* to) {
  write(entry.dentry, to->mutable_dentry());
  write(entry.node, to->mutable_node());
}

Entry read(const v1::Entry& from, Faults& faults) {
  return {read(from.dentry(), faults), read(from.node(), faults)};
}

void write(const NodeRef& ref, v1::NodeRef* to) {
  if (const auto* inode = std::get_if<Inode>(&ref)) {
    to->set_inode(inode->value);
  } else {
    to->set_path(std::get<std::string>(ref));
  }
}

NodeRef read(const v1::NodeRef& from, Faults& faults) {
  switch (from.node_case()) {
    case v1::NodeRef::kInode: return Inode{from.inode()};
    case v1::NodeRef::kPath: return from.path();
    case v1::NodeRef::NODE_NOT_SET: break;
  }
  faults.broken("node", "is not set: name the node by inode or by path");
  return Inode{};
}

void write(const NameRef& ref, v1::NameRef* to) {
  write(ref.parent, to->mutable_parent());
  to->set_name(ref.name);
}

NameRef read(const v1::NameRef& from, Faults& faults) {
  return {read(from.parent(), faults), from.name()};
}

void write(const Volume& volume, v1::Volume* to) {
  to->set_id(volume.id.value);
  to->set_organisation(volume.organisation);
  to->set_name(volume.name);
  to->set_policy(write(volume.policy));
  to->set_strict(volume.strict);
  to->set_read_only(volume.read_only);
  to->set_quota_bytes(volume.quota_bytes);
  to->set_quota_nodes(volume.quota_nodes);
  to->set_used_bytes(volume.used_bytes);
  to->set_used_nodes(volume.used_nodes);
  to->set_head(volume.head.value);
  to->set_pruned(volume.pruned.value);
  write_retention(volume.retention, to);
  to->set_skill_lint(write(volume.skill_lint));
  to->set_secret_scan(write(volume.secret_scan));
  to->set_ignored(volume.ignored);
  to->set_mode(write(volume.mode));
  to->set_second_reviewer(volume.second_reviewer);
  to->set_published(volume.published.value);
  to->set_revision(volume.revision);
  to->set_quota_versions(volume.quota_versions);
  to->set_used_versions(volume.used_versions);
}

Volume read(const v1::Volume& from, Faults& faults) {
  Volume volume;
  volume.id = VolumeId{from.id()};
  volume.organisation = from.organisation();
  volume.name = from.name();
  volume.policy = read(from.policy(), faults);
  volume.strict = from.strict();
  volume.read_only = from.read_only();
  volume.quota_bytes = from.quota_bytes();
  volume.quota_nodes = from.quota_nodes();
  volume.used_bytes = from.used_bytes();
  volume.used_nodes = from.used_nodes();
  volume.head = Seq{from.head()};
  volume.pruned = Seq{from.pruned()};
  volume.retention = read_retention(from);
  volume.skill_lint = read(from.skill_lint(), faults);
  volume.secret_scan = read(from.secret_scan(), faults);
  volume.ignored = from.ignored();
  volume.mode = read(from.mode(), faults);
  volume.second_reviewer = from.second_reviewer();
  volume.published = Seq{from.published()};
  volume.revision = from.revision();
  volume.quota_versions = from.quota_versions();
  volume.used_versions = from.used_versions();
  return volume;
}

void write(const ReadAt& at, v1::ReadAt* to) {
  to->set_at_least(at.at_least.value);
  if (at.revision) to->set_revision(*at.revision);
  if (at.as_of) to->set_as_of(at.as_of->value);
}

ReadAt read(const v1::ReadAt& from, Faults&) {
  ReadAt at;
  at.at_least = Seq{from.at_least()};
  if (from.has_revision()) at.revision = from.revision();
  if (from.has_as_of()) at.as_of = Seq{from.as_of()};
  return at;
}

void write(const Origin& origin, v1::Origin* to) {
  to->set_principal(origin.principal);
  to->set_session(write_uuid(origin.session.uuid));
  to->set_turn(origin.turn);
  to->set_op(write_uuid(origin.op.uuid));
  to->set_epoch(origin.epoch.value);
  to->set_generation(origin.generation.value);
  to->set_client(write_uuid(origin.client.uuid));
  to->set_number(origin.number);
}

Origin read(const v1::Origin& from, Faults& faults) {
  Origin origin;
  origin.principal = from.principal();
  origin.session.uuid = read_uuid("origin.session", from.session(), faults);
  origin.turn = from.turn();
  origin.op.uuid = read_uuid("origin.op", from.op(), faults);
  origin.epoch = Epoch{from.epoch()};
  origin.generation = Generation{from.generation()};
  origin.client.uuid = read_uuid("origin.client", from.client(), faults);
  origin.number = from.number();
  return origin;
}

void write(const Change& change, v1::Change* to) {
  to->set_seq(change.seq.value);
  to->set_kind(write(change.kind));
  write(change.node, to->mutable_node());
  if (change.before) write(*change.before, to->mutable_before());
  if (change.after) write(*change.after, to->mutable_after());
  if (change.other) {
    auto* other = to->mutable_other();
    other->set_inode(change.other->inode.value);
    other->set_links(change.other->links);
    other->set_exchanged(change.other->exchanged);
  }
  to->set_path(change.path);
  to->set_conflict(change.conflict);
  to->set_redacted(change.redacted);
  to->set_warned(change.warned);
  write(change.origin, to->mutable_origin());
  to->set_at_unix_ns(change.at.nanoseconds);
}

Change read(const v1::Change& from, Faults& faults) {
  Change change;
  change.seq = Seq{from.seq()};
  change.kind = read(from.kind(), faults);
  change.node = read(from.node(), faults);
  if (from.has_before()) change.before = read(from.before(), faults);
  if (from.has_after()) change.after = read(from.after(), faults);
  if (from.has_other()) {
    change.other =
        Displaced{Inode{from.other().inode()}, from.other().links(), from.other().exchanged()};
  }
  change.path = from.path();
  change.conflict = from.conflict();
  change.redacted = from.redacted();
  change.warned = from.warned();
  change.origin = read(from.origin(), faults);
  change.at.nanoseconds = from.at_unix_ns();
  return change;
}

void write(const Outcome& outcome, v1::Outcome* to) {
  write(outcome.node, to->mutable_node());
  write(outcome.dentry, to->mutable_dentry());
  to->set_seq(outcome.seq.value);
  to->set_created(outcome.created);
  to->set_conflict(outcome.conflict);
  for (const std::string& warning : outcome.warnings) to->add_warnings(warning);
  to->set_merged(outcome.merged);
  if (outcome.conflict_copy) write(*outcome.conflict_copy, to->mutable_conflict_copy());
}

Outcome read(const v1::Outcome& from, Faults& faults) {
  Outcome outcome;
  outcome.node = read(from.node(), faults);
  outcome.dentry = read(from.dentry(), faults);
  outcome.seq = Seq{from.seq()};
  outcome.created = from.created();
  outcome.conflict = from.conflict();
  outcome.warnings.assign(from.warnings().begin(), from.warnings().end());
  outcome.merged = from.merged();
  if (from.has_conflict_copy()) outcome.conflict_copy = read(from.conflict_copy(), faults);
  return outcome;
}

void write(const Applied& applied, v1::ApplyResponse* to) {
  to->set_first(applied.first.value);
  to->set_last(applied.last.value);
  for (const Outcome& outcome : applied.outcomes) write(outcome, to->add_outcomes());
  to->set_repeated(applied.repeated);
}

Applied read(const v1::ApplyResponse& from, Faults& faults) {
  Applied applied;
  applied.first = Seq{from.first()};
  applied.last = Seq{from.last()};
  applied.outcomes.reserve(static_cast<std::size_t>(from.outcomes_size()));
  for (const auto& outcome : from.outcomes()) applied.outcomes.push_back(read(outcome, faults));
  applied.repeated = from.repeated();
  return applied;
}

void write(const VersionInfo& info, v1::VersionInfo* to) {
  to->set_version(info.version.value);
  to->set_seq(info.seq.value);
  to->set_size(info.size);
  to->set_digest(write_digest(info.digest));
  write(info.origin, to->mutable_origin());
  to->set_at_unix_ns(info.at.nanoseconds);
  to->set_conflict(info.conflict);
  to->set_redacted(info.redacted);
}

VersionInfo read(const v1::VersionInfo& from, Faults& faults) {
  VersionInfo info;
  info.version = Version{from.version()};
  info.seq = Seq{from.seq()};
  info.size = from.size();
  info.digest = read_digest("version.digest", from.digest(), faults);
  info.origin = read(from.origin(), faults);
  info.at.nanoseconds = from.at_unix_ns();
  info.conflict = from.conflict();
  info.redacted = from.redacted();
  return info;
}

void write(const HistoryQuery& query, v1::HistoryRequest* to) {
  if (query.node) write(*query.node, to->mutable_node());
  to->set_after(query.after.value);
  to->set_before(query.before.value);
  to->set_oldest_first(!query.newest_first);
  to->set_limit(query.limit);
  to->set_session(write_uuid(query.session.uuid));
  to->set_op(write_uuid(query.op.uuid));
  to->set_principal(query.principal);
  if (query.removed_from) to->set_removed_from(query.removed_from->value);
  to->set_removed_name(query.removed_name);
}

HistoryQuery read(const v1::HistoryRequest& from, Faults& faults) {
  HistoryQuery query;
  if (from.has_node()) query.node = read(from.node(), faults);
  query.after = Seq{from.after()};
  query.before = Seq{from.before()};
  query.newest_first = !from.oldest_first();
  query.limit = from.limit();
  query.session.uuid = read_uuid("session", from.session(), faults);
  query.op.uuid = read_uuid("op", from.op(), faults);
  query.principal = from.principal();
  if (from.removed_from() != 0) query.removed_from = Inode{from.removed_from()};
  query.removed_name = from.removed_name();
  return query;
}

void write(const LockQuery& query, v1::LockRequest* to) {
  to->set_inode(query.inode.value);
  to->set_owner(query.owner);
  to->set_start(query.start);
  to->set_length(query.length);
  to->set_kind(write(query.kind));
  to->set_wait(query.wait);
  to->set_whole_file(query.whole_file);
  to->set_test(query.test);
}

LockQuery read(const v1::LockRequest& from, Faults& faults) {
  LockQuery query;
  query.inode = Inode{from.inode()};
  query.owner = from.owner();
  query.start = from.start();
  query.length = from.length();
  query.kind = read(from.kind(), faults);
  query.wait = from.wait();
  query.whole_file = from.whole_file();
  query.test = from.test();
  return query;
}

// `asking`: whose own locks are told apart; other clients are not named.
void write(const LockAnswer& answer, const ClientId& asking, v1::LockResponse* to) {
  to->set_seq(answer.seq.value);
  if (!answer.holder) return;
  auto* holder = to->mutable_holder();
  holder->set_own_client(answer.holder->client == asking);
  holder->set_owner(answer.holder->owner);
  holder->set_start(answer.holder->start);
  holder->set_length(answer.holder->length);
  holder->set_kind(write(std::optional(answer.holder->kind)));
}

LockAnswer read(const v1::LockResponse& from, const ClientId& asking, Faults& faults) {
  LockAnswer answer;
  answer.seq = Seq{from.seq()};
  if (!from.has_holder()) return answer;
  const auto& holder = from.holder();
  const auto kind = read(holder.kind(), faults);
  answer.holder = LockHolder{holder.own_client() ? asking : ClientId{}, holder.owner(),
                             holder.start(), holder.length(), kind.value_or(LockKind::shared)};
  return answer;
}

void write(const Xattrs& xattrs, v1::GetXattrsResponse* to) {
  for (const auto& [name, value] : xattrs) {
    auto* xattr = to->add_xattrs();
    xattr->set_name(name);
    xattr->set_value(value);
  }
}

Xattrs read(const v1::GetXattrsResponse& from, Faults&) {
  Xattrs xattrs;
  for (const auto& xattr : from.xattrs()) xattrs.emplace(xattr.name(), xattr.value());
  return xattrs;
}

}  // namespace outboard::wire
