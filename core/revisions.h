// Revisions: how the head of a reviewed volume becomes what its readers see. [S33, D19]
//
// The head is the draft: whoever may write the volume sees and changes it. submit() names it as a
// revision, a tree as of a seq; review() approves or rejects it; publish() moves the one pointer
// that decides what everybody else sees. PgRevisions serves it, GrpcRevisions calls it.
//
// What always holds: the pointer only rises (a way back is a restore, published); a revision's tree
// never changes; with Volume::second_reviewer nobody approves what they submitted themselves, and
// nothing is published that nobody else approved.
//
// All need a grant to write the volume: read_only without, not_found without any; pin() needs an
// administrator's token instead. `unsupported` when the volume is not reviewed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.h"
#include "core/result.h"

namespace outboard {

enum class RevisionState : std::uint8_t { in_review, approved, rejected, published };

struct Revision {
  std::uint64_t number = 0;  // from 1, within its volume
  std::string name;          // unique within its volume, or empty
  Seq seq;                   // its tree is the volume's as of here
  RevisionState state = RevisionState::in_review;
  bool kept = true;     // its tree can still be read
  std::string message;  // its author's
  std::string author;
  Timestamp submitted;
  std::string reviewer;  // empty: nobody yet
  Timestamp reviewed;
  std::string remark;     // the reviewer's
  std::string publisher;  // empty: nobody yet
  Timestamp published;

  friend bool operator==(const Revision&, const Revision&) = default;
};

struct Submission {
  std::string name;
  std::string message;
};

class Revisions {
 public:
  virtual ~Revisions() = default;

  // exists: the name is taken. invalid: no good name, or nothing has changed since what is
  // published, or a SKILL.md breaks a rule and the volume refuses that.
  virtual Result<Revision> submit(const Call& call, VolumeId volume,
                                  const Submission& submission) = 0;
  // conflict: it waits for no review. no_access: the caller submitted it, and a second is needed.
  virtual Result<Revision> review(const Call& call, VolumeId volume, std::uint64_t number,
                                  bool approve, std::string_view remark) = 0;
  // Number 0: submits the head first. conflict: it is rejected, not approved where that is needed,
  // or older than what is published.
  virtual Result<Revision> publish(const Call& call, VolumeId volume, std::uint64_t number,
                                   const Submission& submission) = 0;
  // From now on the token sees the volume as the revision is, and so do those minted with it; it
  // writes nothing there. The tree is kept while the token lives.
  virtual Result<Revision> pin(const Call& call, VolumeId volume, std::uint64_t token,
                               std::string_view revision) = 0;
  // Newest first, those with numbers below `before` (0: all); at most `limit`.
  virtual Result<std::vector<Revision>> list(const Call& call, VolumeId volume,
                                             std::uint64_t before, std::uint32_t limit) = 0;
};

}  // namespace outboard
