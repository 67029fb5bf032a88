// PgRevisions: revisions and pointers in Postgres.
//
// Place in the flow: RevisionService → Revisions → one statement each, whose row locks decide
// races; Pointers and ReviewedStore → RevisionReader → single indexed reads. A publish rings the
// listeners' doorbell ("published volume:seq:mode") within its statement. Who may ask is decided
// above. Any thread.
#pragma once

#include <functional>

#include "core/content_rules.h"
#include "core/revisions.h"
#include "server/pointers.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgRevisions final : public Revisions, public RevisionReader {
 public:
  using Moved = std::function<void(VolumeId, const Pointer&)>;
  // `rules` judge the skills that a revision has changed. `moved` hears of a publish before its
  // caller does, so that whoever published reads what they published.
  PgRevisions(ConnectionPool& pool, const ContentRules& rules, Moved moved)
      : pool_(pool), rules_(rules), moved_(std::move(moved)) {}

  Result<Revision> submit(const Call& call, VolumeId volume, const Submission& submission) override;
  Result<Revision> review(const Call& call, VolumeId volume, std::uint64_t number, bool approve,
                          std::string_view remark) override;
  Result<Revision> publish(const Call& call, VolumeId volume, std::uint64_t number,
                           const Submission& submission) override;
  Result<Revision> pin(const Call& call, VolumeId volume, std::uint64_t token,
                       std::string_view revision) override;
  Result<std::vector<Revision>> list(const Call& call, VolumeId volume, std::uint64_t before,
                                     std::uint32_t limit) override;

  Result<Pointer> pointer(VolumeId volume, Moment deadline) override;
  Result<Seq> seq_of(VolumeId volume, std::string_view revision, Moment deadline,
                     Seq most) override;
  Result<std::vector<Version>> visible(VolumeId volume, const std::vector<ContentKey>& keys,
                                       Seq upto, Moment deadline) override;

 private:
  // What a revision of this volume must know of it.
  struct Standing {
    std::string name;
    bool reviewed = false;
    bool second_reviewer = false;
    bool refuses_broken_skills = false;
    Seq head;
    Seq published;
  };
  Result<Standing> standing(const Call& call, VolumeId volume);
  // `unsupported` when the volume is not reviewed.
  Result<Standing> reviewed(const Call& call, VolumeId volume);
  // The skills that have changed behind `after`.
  Status check_skills(const Call& call, VolumeId volume, Seq after);
  Result<Revision> find(const Call& call, VolumeId volume, std::uint64_t number);
  // Lets go of trees that no way back needs.
  Status let_go(const Call& call, VolumeId volume);

  ConnectionPool& pool_;
  const ContentRules& rules_;
  const Moved moved_;
};

}  // namespace outboard::server
