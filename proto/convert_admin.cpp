#include "proto/convert_admin.h"

#include "proto/convert.h"

namespace outboard::wire {

void write(const Organisation& organisation, v1::Organisation* to) {
  to->set_id(organisation.id);
  to->set_name(organisation.name);
  to->set_created_unix_ns(organisation.created.nanoseconds);
}

Organisation read(const v1::Organisation& from, Faults&) {
  return {from.id(), from.name(), Timestamp{from.created_unix_ns()}};
}

void write(const User& user, v1::User* to) {
  to->set_organisation(user.organisation);
  to->set_name(user.name);
  to->set_created_unix_ns(user.created.nanoseconds);
}

User read(const v1::User& from, Faults&) {
  return {from.organisation(), from.name(), Timestamp{from.created_unix_ns()}};
}

void write(const VolumeSettings& settings, v1::VolumeSettings* to) {
  to->set_policy(write(settings.policy));
  to->set_strict(settings.strict);
  to->set_quota_bytes(settings.quota_bytes);
  to->set_quota_nodes(settings.quota_nodes);
  write_retention(settings.retention, to);
  if (settings.skill_lint) to->set_skill_lint(write(*settings.skill_lint));
  to->set_secret_scan(write(settings.secret_scan));
  to->set_ignored(settings.ignored);
  to->set_mode(write(settings.mode));
  to->set_second_reviewer(settings.second_reviewer);
  to->set_quota_versions(settings.quota_versions);
}

VolumeSettings read(const v1::VolumeSettings& from, Faults& faults) {
  VolumeSettings settings;
  settings.policy = read(from.policy(), faults);
  settings.strict = from.strict();
  settings.quota_bytes = from.quota_bytes();
  settings.quota_nodes = from.quota_nodes();
  settings.retention = read_retention(from);
  if (from.skill_lint() != v1::STRICTNESS_UNSPECIFIED) {
    settings.skill_lint = read(from.skill_lint(), faults);
  }
  settings.secret_scan = read(from.secret_scan(), faults);
  settings.ignored = from.ignored();
  settings.mode = read(from.mode(), faults);
  settings.second_reviewer = from.second_reviewer();
  settings.quota_versions = from.quota_versions();
  return settings;
}

void write(const GrantByName& grant, v1::GrantByName* to) {
  to->set_volume(grant.volume);
  to->set_prefix(grant.prefix);
  to->set_write(grant.write);
  to->set_manage(grant.manage);
}

GrantByName read(const v1::GrantByName& from, Faults&) {
  return {from.volume(), from.prefix().empty() ? "/" : from.prefix(), from.write(), from.manage()};
}

std::chrono::seconds read_life(std::uint64_t seconds, Faults& faults) {
  // Whatever is over the maximum is refused by the store; this only keeps it representable.
  constexpr std::uint64_t kRepresentable = 1ULL << 40U;
  if (seconds > kRepresentable) faults.broken("life_s", "is longer than any token may live");
  if (seconds == 0 || seconds > kRepresentable) return kTokenLifeDefault;
  return std::chrono::seconds(seconds);
}

void write(const TokenRequest& request, v1::MintTokenRequest* to) {
  to->set_organisation(request.organisation);
  to->set_principal(request.principal);
  for (const GrantByName& grant : request.grants) write(grant, to->add_grants());
  to->set_admin(request.admin);
  to->set_life_s(static_cast<std::uint64_t>(request.life.count()));
  to->set_session(write_uuid(request.session.uuid));
  to->set_epoch(request.epoch.value);
  to->set_generation(request.generation.value);
  to->set_bound(request.bound);
}

TokenRequest read(const v1::MintTokenRequest& from, Faults& faults) {
  TokenRequest request;
  request.organisation = from.organisation();
  request.principal = from.principal();
  for (const auto& grant : from.grants()) request.grants.push_back(read(grant, faults));
  request.admin = from.admin();
  request.life = read_life(from.life_s(), faults);
  request.session.uuid = read_uuid("session", from.session(), faults);
  request.epoch = Epoch{from.epoch()};
  request.generation = Generation{from.generation()};
  request.bound = from.bound();
  return request;
}

void write(const TokenInfo& info, v1::TokenInfo* to) {
  to->set_id(info.id);
  to->set_organisation(info.organisation);
  to->set_principal(info.principal);
  for (const GrantByName& grant : info.grants) write(grant, to->add_grants());
  to->set_admin(info.admin);
  to->set_created_unix_ns(info.created.nanoseconds);
  to->set_expires_unix_ns(info.expires.nanoseconds);
  to->set_revoked(info.revoked);
  to->set_bound(info.bound);
}

TokenInfo read(const v1::TokenInfo& from, Faults& faults) {
  TokenInfo info;
  info.id = from.id();
  info.organisation = from.organisation();
  info.principal = from.principal();
  for (const auto& grant : from.grants()) info.grants.push_back(read(grant, faults));
  info.admin = from.admin();
  info.created.nanoseconds = from.created_unix_ns();
  info.expires.nanoseconds = from.expires_unix_ns();
  info.revoked = from.revoked();
  info.bound = from.bound();
  return info;
}

namespace {

v1::DiagnosisVerdict write(Verdict verdict) {
  switch (verdict) {
    case Verdict::fine: return v1::DIAGNOSIS_VERDICT_FINE;
    case Verdict::doubtful: return v1::DIAGNOSIS_VERDICT_DOUBTFUL;
    case Verdict::wrong: return v1::DIAGNOSIS_VERDICT_WRONG;
  }
  return v1::DIAGNOSIS_VERDICT_WRONG;
}

// What a newer server says in words of its own is better looked at.
Verdict read(v1::DiagnosisVerdict from) {
  if (from == v1::DIAGNOSIS_VERDICT_FINE) return Verdict::fine;
  return from == v1::DIAGNOSIS_VERDICT_DOUBTFUL ? Verdict::doubtful : Verdict::wrong;
}

}  // namespace

void write(const Diagnosis& diagnosis, v1::DiagnoseResponse* to) {
  for (const Diagnosis::Finding& finding : diagnosis.findings) {
    auto* one = to->add_findings();
    one->set_check(finding.check);
    one->set_verdict(write(finding.verdict));
    one->set_found(finding.found);
    one->set_way_out(finding.way_out);
  }
  to->set_database_unix_ns(diagnosis.database_time.nanoseconds);
}

Diagnosis read(const v1::DiagnoseResponse& from, Faults&) {
  Diagnosis diagnosis;
  for (const auto& one : from.findings()) {
    diagnosis.findings.push_back({one.check(), read(one.verdict()), one.found(), one.way_out()});
  }
  diagnosis.database_time.nanoseconds = from.database_unix_ns();
  return diagnosis;
}

}  // namespace outboard::wire
