// Between core's words and their messages: nodes, names, volumes, changes, answers.
//
// Place in the flow: GrpcStore and the services call these and nothing else builds messages. Each
// write() fills an empty message; each read() is its inverse and notes in `faults` what a stranger
// may have got wrong (sizes of uuids and digests, unknown enum values). Limits on names and sizes
// are not looked at here: core/op.h's check_batch and the store do. Pure; any thread.
#pragma once

#include "core/store.h"
#include "outboard/v1/store.pb.h"
#include "outboard/v1/types.pb.h"
#include "outboard/v1/watch.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

// ── Ids: uuids are 16 bytes, or none ──
std::string write_uuid(const Uuid& uuid);
Uuid read_uuid(std::string_view field, const std::string& bytes, Faults& faults);
std::string write_digest(const std::optional<Sha256>& digest);
std::optional<Sha256> read_digest(std::string_view field, const std::string& bytes, Faults& faults);

// ── Enums ──
v1::Kind write(Kind kind);
Kind read(v1::Kind kind, Faults& faults);
v1::Policy write(Policy policy);
Policy read(v1::Policy policy, Faults& faults);
v1::Strictness write(Strictness strictness);
// Unset is read as off.
Strictness read(v1::Strictness strictness, Faults& faults);
v1::VolumeMode write(VolumeMode mode);
VolumeMode read(v1::VolumeMode mode, Faults& faults);
v1::ChangeKind write(ChangeKind kind);
ChangeKind read(v1::ChangeKind kind, Faults& faults);
v1::WatchEndReason write(FeedEnd end);
FeedEnd read(v1::WatchEndReason reason, Faults& faults);
v1::LockKind write(std::optional<LockKind> kind);
std::optional<LockKind> read(v1::LockKind kind, Faults& faults);

// Volume and VolumeSettings keep their retention in fields of the same names.
template <class Message>
void write_retention(const Retention& retention, Message* to) {
  to->set_retention_versions(retention.versions);
  to->set_retention_s(retention.seconds);
  to->set_retention_bytes(retention.bytes);
}
template <class Message>
Retention read_retention(const Message& from) {
  return {from.retention_versions(), from.retention_s(), from.retention_bytes()};
}

// ── Nodes and names ──
void write(const Node& node, v1::Node* to);
Node read(const v1::Node& from, Faults& faults);
void write(const Dentry& dentry, v1::Dentry* to);
Dentry read(const v1::Dentry& from, Faults& faults);
void write(const Entry& entry, v1::Entry* to);
Entry read(const v1::Entry& from, Faults& faults);
void write(const NodeRef& ref, v1::NodeRef* to);
NodeRef read(const v1::NodeRef& from, Faults& faults);
void write(const NameRef& ref, v1::NameRef* to);
NameRef read(const v1::NameRef& from, Faults& faults);
void write(const Volume& volume, v1::Volume* to);
Volume read(const v1::Volume& from, Faults& faults);
void write(const ReadAt& at, v1::ReadAt* to);
ReadAt read(const v1::ReadAt& from, Faults& faults);

// ── Changes and answers ──
void write(const Origin& origin, v1::Origin* to);
Origin read(const v1::Origin& from, Faults& faults);
void write(const Change& change, v1::Change* to);
Change read(const v1::Change& from, Faults& faults);
void write(const Outcome& outcome, v1::Outcome* to);
Outcome read(const v1::Outcome& from, Faults& faults);
void write(const Applied& applied, v1::ApplyResponse* to);
Applied read(const v1::ApplyResponse& from, Faults& faults);
void write(const VersionInfo& info, v1::VersionInfo* to);
VersionInfo read(const v1::VersionInfo& from, Faults& faults);
void write(const HistoryQuery& query, v1::HistoryRequest* to);
HistoryQuery read(const v1::HistoryRequest& from, Faults& faults);
void write(const LockQuery& query, v1::LockRequest* to);
// The client is not in the message: it is the call's own.
LockQuery read(const v1::LockRequest& from, Faults& faults);
void write(const LockAnswer& answer, const ClientId& asking, v1::LockResponse* to);
LockAnswer read(const v1::LockResponse& from, const ClientId& asking, Faults& faults);
void write(const Xattrs& xattrs, v1::GetXattrsResponse* to);
Xattrs read(const v1::GetXattrsResponse& from, Faults& faults);

}  // namespace outboard::wire
