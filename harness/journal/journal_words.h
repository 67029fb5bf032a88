// Between the journal's words and their messages. For this room's gRPC files only. Pure.
#pragma once

#include "harness/journal/journal.h"
#include "outboard/v1/journal.pb.h"
#include "proto/convert.h"
#include "proto/faults.h"

namespace outboard::harness {

v1::SessionState write(SessionPhase phase);
SessionPhase read(v1::SessionState state, wire::Faults& faults);
SessionInfo read(const v1::Session& from, wire::Faults& faults);

// too_big: an event over its limit.
Status write(const Append& append, v1::AppendRequest* to);
void write(const Release& release, v1::ReleaseRequest* to);
void write(const InboxItem& item, v1::PostRequest* to);
// Errors of the event's own decoding, too.
Result<Record> read(const v1::Event& from);
InboxItem read(const v1::InboxItem& from, wire::Faults& faults);

}  // namespace outboard::harness
