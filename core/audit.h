// Audit: what those who look after an organisation may ask of its past: whether the log is as it
// was written, what was refused to whom, and who read what. Spoken on both sides of the wire:
// PgAudit serves it, GrpcAudit calls it.
//
// A caller needs an administrator's token of the organisation; else no_access. What belongs to
// another organisation is not_found.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.h"
#include "core/clock.h"
#include "core/digest.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard {

struct SealQuery {
  Seq after;              // seals behind this seq, oldest first
  Seq upto;               // and not behind this one; 0: all
  bool contents = false;  // compare the kept bytes with the log's digests too
};

// What was found in one page of at most kSealsPerCheck seals.
struct SealCheck {
  Seq first;  // of the changes that were looked at; 0: none
  Seq last;   // ask on behind it
  std::uint64_t seals = 0;
  bool more = false;             // there are seals behind `last`
  std::optional<Sha256> digest;  // of the last good seal: kept elsewhere, it vouches for all before
  std::optional<Seq> broken_at;  // the first change of what is not as it was written
  std::string fault;             // in words; empty: all is well
};

// Equal attempts within a moment are one, with a count.
struct Refusal {
  std::uint64_t id = 0;  // rising; for paging
  std::string volume;    // its name, or what was given for one
  std::string principal;
  std::uint64_t token = 0;
  SessionId session;
  std::string op;    // "publish"
  std::string path;  // empty: the volume itself
  std::string code;  // "read_only"
  std::uint64_t times = 1;
  Timestamp first;
  Timestamp last;
};

struct RefusalQuery {
  std::string organisation;
  std::uint64_t before = 0;   // only those with a lower id; 0: from the newest
  std::uint32_t limit = 100;  // at most kPageEntriesMax
};

struct ReadQuery {
  std::string volume;           // "acme/skills"
  std::string below = "/";      // only files at and below this path
  std::uint32_t days = 30;      // today and so many days before, by UTC
  std::uint32_t limit = 1'000;  // most read first; at most kPageEntriesMax
};

// One file and one reader.
struct ReadCount {
  std::string path;  // as it is now; of a removed file as it was last
  std::string principal;
  std::uint64_t times = 0;
  Timestamp last;
};

class Audit {
 public:
  virtual ~Audit() = default;

  // Looks at the seals of one volume's log, page by page. A fault is an answer, not an error.
  virtual Result<SealCheck> check_log(const Call& call, std::string_view volume,
                                      const SealQuery& query) = 0;
  // The same for the record of refusals, which all organisations share: ids for seqs. Only the
  // site's administrator.
  virtual Result<SealCheck> check_refusals(const Call& call, const SealQuery& query) = 0;
  virtual Result<std::vector<Refusal>> refusals(const Call& call, const RefusalQuery& query) = 0;
  virtual Result<std::vector<ReadCount>> reads(const Call& call, const ReadQuery& query) = 0;
};

}  // namespace outboard
