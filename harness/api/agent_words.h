// Between the journal's words and agent.proto's. For this room's gRPC files only. Pure, but for the
// blobs that are asked for.
#pragma once

#include "harness/api/live_feed.h"
#include "harness/journal/blobs.h"
#include "harness/journal/journal.h"
#include "outboard/v1/agent.pb.h"

namespace outboard::harness {

// With the words of its blobs put back, where a message can take them.
Result<v1::SessionEvent> write_event(const Record& record, Blobs& blobs, Moment deadline);
v1::WatchSessionResponse write_live(const LivePart& part);

// What a list shows of a session beside its row.
struct Glimpse {
  std::string title;
  std::uint64_t turn = 0;
};
// Of its first message and its last event; empty where they cannot be read.
Glimpse glimpse(Journal& journal, const SessionInfo& info, Moment deadline);
void write(const SessionInfo& info, const Glimpse& glimpse, v1::SessionSummary* to);

// invalid: none of a session's states.
Result<SessionPhase> parse_phase(const std::string& name);

}  // namespace outboard::harness
