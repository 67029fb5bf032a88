#include "proto/convert_revision.h"

#include "core/check.h"

namespace outboard::wire {

v1::RevisionState write(RevisionState value) {
  switch (value) {
    case RevisionState::in_review: return v1::REVISION_STATE_IN_REVIEW;
    case RevisionState::approved: return v1::REVISION_STATE_APPROVED;
    case RevisionState::rejected: return v1::REVISION_STATE_REJECTED;
    case RevisionState::published: return v1::REVISION_STATE_PUBLISHED;
  }
  CHECK(false);
}

RevisionState read(v1::RevisionState value, Faults& faults) {
  switch (value) {
    case v1::REVISION_STATE_IN_REVIEW: return RevisionState::in_review;
    case v1::REVISION_STATE_APPROVED: return RevisionState::approved;
    case v1::REVISION_STATE_REJECTED: return RevisionState::rejected;
    case v1::REVISION_STATE_PUBLISHED: return RevisionState::published;
    case v1::REVISION_STATE_UNSPECIFIED:
    case v1::RevisionState_INT_MIN_SENTINEL_DO_NOT_USE_:
    case v1::RevisionState_INT_MAX_SENTINEL_DO_NOT_USE_: break;
  }
  faults.unknown("state");
  return RevisionState::in_review;
}

void write(const Revision& revision, v1::Revision* to) {
  to->set_number(revision.number);
  to->set_name(revision.name);
  to->set_seq(revision.seq.value);
  to->set_state(write(revision.state));
  to->set_kept(revision.kept);
  to->set_message(revision.message);
  to->set_author(revision.author);
  to->set_submitted_unix_ns(revision.submitted.nanoseconds);
  to->set_reviewer(revision.reviewer);
  to->set_reviewed_unix_ns(revision.reviewed.nanoseconds);
  to->set_remark(revision.remark);
  to->set_publisher(revision.publisher);
  to->set_published_unix_ns(revision.published.nanoseconds);
}

Revision read(const v1::Revision& from, Faults& faults) {
  Revision revision;
  revision.number = from.number();
  revision.name = from.name();
  revision.seq = Seq{from.seq()};
  revision.state = read(from.state(), faults);
  revision.kept = from.kept();
  revision.message = from.message();
  revision.author = from.author();
  revision.submitted.nanoseconds = from.submitted_unix_ns();
  revision.reviewer = from.reviewer();
  revision.reviewed.nanoseconds = from.reviewed_unix_ns();
  revision.remark = from.remark();
  revision.publisher = from.publisher();
  revision.published.nanoseconds = from.published_unix_ns();
  return revision;
}

}  // namespace outboard::wire
