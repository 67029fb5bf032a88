#include "proto/convert_roster.h"

#include "core/check.h"

namespace outboard::wire {
namespace {

void write_all(const std::vector<std::string>& from,
               google::protobuf::RepeatedPtrField<std::string>* to) {
  to->Assign(from.begin(), from.end());
}

std::vector<std::string> read_all(const google::protobuf::RepeatedPtrField<std::string>& from) {
  return {from.begin(), from.end()};
}

}  // namespace

v1::GrantMode write(Mode mode) {
  switch (mode) {
    case Mode::read: return v1::GRANT_MODE_READ;
    case Mode::write: return v1::GRANT_MODE_WRITE;
    case Mode::manage: return v1::GRANT_MODE_MANAGE;
    case Mode::audit: return v1::GRANT_MODE_AUDIT;
    case Mode::administer: return v1::GRANT_MODE_ADMINISTER;
  }
  CHECK(false);
}

Mode read(v1::GrantMode mode, Faults& faults) {
  if (mode == v1::GRANT_MODE_WRITE) return Mode::write;
  if (mode == v1::GRANT_MODE_MANAGE) return Mode::manage;
  if (mode == v1::GRANT_MODE_AUDIT) return Mode::audit;
  if (mode == v1::GRANT_MODE_ADMINISTER) return Mode::administer;
  if (mode != v1::GRANT_MODE_READ) faults.broken("mode", "must say what the grant allows");
  return Mode::read;
}

v1::Fate write(Fate fate) {
  switch (fate) {
    case Fate::keep: return v1::FATE_KEEP;
    case Fate::hand_over: return v1::FATE_HAND_OVER;
    case Fate::remove: return v1::FATE_REMOVE;
  }
  CHECK(false);
}

Fate read(v1::Fate fate, Faults& faults) {
  if (fate == v1::FATE_HAND_OVER) return Fate::hand_over;
  if (fate == v1::FATE_REMOVE) return Fate::remove;
  if (fate != v1::FATE_KEEP) faults.broken("fate", "must say what becomes of the volumes");
  return Fate::keep;
}

void write(const Group& group, v1::Group* to) {
  to->set_organisation(group.organisation);
  to->set_name(group.name);
  to->set_created_unix_ns(group.created.nanoseconds);
  write_all(group.members, to->mutable_members());
}

Group read(const v1::Group& from, Faults&) {
  return {from.organisation(), from.name(), Timestamp{from.created_unix_ns()},
          read_all(from.members())};
}

void write(const StandingGrant& grant, v1::StandingGrant* to) {
  to->set_id(grant.id);
  to->set_organisation(grant.organisation);
  to->set_holder(grant.holder);
  to->set_to_group(grant.to_group);
  to->set_volumes(grant.volumes);
  to->set_prefix(grant.prefix);
  to->set_mode(write(grant.mode));
  to->set_given_by(grant.given_by);
  to->set_created_unix_ns(grant.created.nanoseconds);
}

StandingGrant read(const v1::StandingGrant& from, Faults& faults) {
  return {from.id(),
          from.organisation(),
          from.holder(),
          from.to_group(),
          from.volumes(),
          from.prefix().empty() ? "/" : from.prefix(),
          read(from.mode(), faults),
          from.given_by(),
          Timestamp{from.created_unix_ns()}};
}

void write(const Departure& departure, v1::Departure* to) {
  to->set_done(departure.done);
  to->set_code(departure.code);
  to->set_tokens(departure.tokens);
  to->set_users(departure.users);
  to->set_sessions(departure.sessions);
  to->set_bytes(departure.bytes);
  write_all(departure.removed, to->mutable_removed());
  write_all(departure.handed_over, to->mutable_handed_over());
  write_all(departure.kept, to->mutable_kept());
}

Departure read(const v1::Departure& from, Faults&) {
  return {from.done(),
          from.code(),
          from.tokens(),
          from.users(),
          from.sessions(),
          from.bytes(),
          read_all(from.removed()),
          read_all(from.handed_over()),
          read_all(from.kept())};
}

}  // namespace outboard::wire
