// The journal's limits, each with its reason; core/limits.h has those of files and the wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace outboard::server {

// One event's payload: a session of 10,000 events is read again in one page of memory each.
inline constexpr std::size_t kEventPayloadBytesMax = 8'192;
// Kinds, actors, tools, workers, revisions: names that programs choose.
inline constexpr std::size_t kJournalNameBytesMax = 512;
// A sentence for a person.
inline constexpr std::size_t kDiagnosisBytesMax = 8'192;
// One append: an answer of a model with all its calls.
inline constexpr std::size_t kAppendEventsMax = 256;
inline constexpr std::size_t kAppendCallsMax = 256;
// One message of a person: a million characters, at four bytes each within a message of the wire.
inline constexpr std::size_t kInboxMessageBytesMax = 4U << 20U;
// Items that wait in one session's inbox; the next is refused until some are taken up.
inline constexpr std::uint32_t kInboxItemsMax = 1'024;
// Sessions of one claim, and of one page of a list.
inline constexpr std::uint32_t kClaimMax = 100;
inline constexpr std::uint32_t kSessionPageDefault = 100;
inline constexpr std::uint32_t kSessionPageMax = 1'000;
// Sessions that one claim looks at: others may hold the first of them locked.
inline constexpr std::int64_t kClaimCandidatesMax = 1'000;
// Sessions that a worker says it holds.
inline constexpr std::size_t kHeldMax = 10'000;
// Events in one part of a replay or a tail: 2 MiB at their worst.
inline constexpr std::int64_t kEventPageMax = 256;

// How long a worker's sessions stay its own when nobody hears of it any more: its server has died,
// or it never opened a stream.
inline constexpr std::chrono::milliseconds kWorkerLease{10'000};
// The server says so often for all its streams that they live.
inline constexpr std::chrono::milliseconds kLeaseRenewal = kWorkerLease / 4;
// A broken stream may come back for so long before its worker's sessions are free: two tries of a
// client, and takeover stays under a second.
inline constexpr std::chrono::milliseconds kWorkerGrace{400};
// Tails of other servers hear of an append this much later: many bells in one notification.
inline constexpr std::chrono::milliseconds kBellGather{5};
// Bells that wait to be told to other servers; what is over is found at their next look.
inline constexpr std::size_t kBellQueueMax = 65'536;

// One blob; as one file.
inline constexpr std::uint64_t kBlobBytesMax = 1ULL << 30U;
// Its rows: a 1 MiB part is four. Said in 0003_journal.sql, too.
inline constexpr std::size_t kBlobChunkBytes = 262'144;
inline constexpr std::size_t kHasBlobsMax = 1'024;
// What arrived of a blob whose sender went away is kept this long.
inline constexpr std::chrono::seconds kBlobArrivingMax{3'600};

}  // namespace outboard::server
