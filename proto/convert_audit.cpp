#include "proto/convert_audit.h"

#include "proto/convert.h"

namespace outboard::wire {

void write(const SealCheck& check, v1::CheckSealsResponse* to) {
  to->set_first(check.first.value);
  to->set_last(check.last.value);
  to->set_seals(check.seals);
  to->set_more(check.more);
  to->set_digest(write_digest(check.digest));
  if (check.broken_at) to->set_broken_at(check.broken_at->value);
  to->set_fault(check.fault);
}

SealCheck read(const v1::CheckSealsResponse& from, Faults& faults) {
  SealCheck check;
  check.first = Seq{from.first()};
  check.last = Seq{from.last()};
  check.seals = from.seals();
  check.more = from.more();
  check.digest = read_digest("digest", from.digest(), faults);
  if (from.has_broken_at()) check.broken_at = Seq{from.broken_at()};
  check.fault = from.fault();
  return check;
}

void write(const Refusal& refusal, v1::Refusal* to) {
  to->set_id(refusal.id);
  to->set_volume(refusal.volume);
  to->set_principal(refusal.principal);
  to->set_token(refusal.token);
  to->set_session(write_uuid(refusal.session.uuid));
  to->set_op(refusal.op);
  to->set_path(refusal.path);
  to->set_code(refusal.code);
  to->set_times(refusal.times);
  to->set_first_unix_ns(refusal.first.nanoseconds);
  to->set_last_unix_ns(refusal.last.nanoseconds);
}

Refusal read(const v1::Refusal& from, Faults& faults) {
  return {from.id(),
          from.volume(),
          from.principal(),
          from.token(),
          SessionId{read_uuid("session", from.session(), faults)},
          from.op(),
          from.path(),
          from.code(),
          from.times(),
          Timestamp{from.first_unix_ns()},
          Timestamp{from.last_unix_ns()}};
}

void write(const ReadCount& count, v1::ReadCount* to) {
  to->set_path(count.path);
  to->set_principal(count.principal);
  to->set_times(count.times);
  to->set_last_unix_ns(count.last.nanoseconds);
}

ReadCount read(const v1::ReadCount& from, Faults&) {
  return {from.path(), from.principal(), from.times(), Timestamp{from.last_unix_ns()}};
}

}  // namespace outboard::wire
