// The harness's limits, each with its reason; core/limits.h has those of files and the wire.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace outboard::harness {

// ── Events ───────────────────────────────────────────────────────────────────────────────────────
// One event, encoded: a session of 10,000 events is read again in one page of memory each.
inline constexpr std::size_t kEventBytesMax = 8'192;
// Words that stay in their event, as JSON spells them; two such bodies and the rest fit in one.
inline constexpr std::size_t kInlineBodyBytesMax = 3'072;
// Names that people and models choose: tools, workers, authors, the provider's ids.
inline constexpr std::size_t kNameCharsMax = 128;
// A sentence for a person, in an event.
inline constexpr std::size_t kSentenceCharsMax = 1'000;
// Events of one append: an answer with all its calls is one.
inline constexpr std::size_t kAppendEventsMax = 256;
// Tool calls of one answer; the rest are refused with a result that says so.
inline constexpr std::uint32_t kCallsMax = 128;

// ── The loop ─────────────────────────────────────────────────────────────────────────────────────
// Workers that died on one turn before the session is given up as the likely cause.
inline constexpr unsigned kCrashesMax = 3;
// Asking a model anew after an error that may pass.
inline constexpr unsigned kModelAttemptsMax = 8;
inline constexpr std::chrono::milliseconds kModelRetryMin{500};
inline constexpr std::chrono::milliseconds kModelRetryMax{60'000};
// One answer of a model, from the question to its last word.
inline constexpr std::chrono::milliseconds kModelDeadline{600'000};
// One request to the journal.
inline constexpr std::chrono::milliseconds kJournalDeadline{30'000};
// When the sandbox's host cannot be asked what became of a call, the session sleeps this long.
inline constexpr std::chrono::milliseconds kSandboxRetry{1'000};
// Acts in a row whose outcome was not known, before the session sleeps that long, too.
inline constexpr unsigned kDoubtsMax = 2;
// Output of a running command that is journalled as it comes, and how often in one call.
inline constexpr std::size_t kProgressBytes = 65'536;
inline constexpr std::size_t kProgressPartsMax = 16;

// ── Workers ──────────────────────────────────────────────────────────────────────────────────────
// How long a worker's sessions stay its own when its host has vanished.
inline constexpr std::chrono::milliseconds kLease{10'000};
// Sessions one claim takes.
inline constexpr std::size_t kClaimMax = 100;
// A worker looks for sessions this often even when nobody told it of any: for wake times and for
// leases of workers that vanished.
inline constexpr std::chrono::milliseconds kClaimInterval{2'000};
// A session that cannot be opened or read is left alone for this long.
inline constexpr std::chrono::milliseconds kBrokenRetry{60'000};
// Items that wait in one session's inbox; the next is refused with `unavailable`.
inline constexpr std::size_t kInboxMax = 1'024;
// One message of a person.
inline constexpr std::size_t kMessageCharsMax = 1U << 20U;

// ── Tools ────────────────────────────────────────────────────────────────────────────────────────
// Characters of one result that the model sees; head and tail are kept.
inline constexpr std::size_t kResultCharsMax = 30'000;
// A file the file tools take whole; larger ones are for bash.
inline constexpr std::size_t kToolFileBytesMax = 8U << 20U;
inline constexpr std::chrono::milliseconds kCommandTimeoutDefault{120'000};
inline constexpr std::chrono::milliseconds kCommandTimeoutMax{600'000};
// Skills named in a system prompt: at 100 bytes each they take a few thousand tokens.
inline constexpr std::size_t kCatalogueSkillsMax = 500;

}  // namespace outboard::harness
