// Between core/revisions.h's words and their messages. As proto/convert.h.
#pragma once

#include "core/revisions.h"
#include "outboard/v1/revision.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

v1::RevisionState write(RevisionState state);
RevisionState read(v1::RevisionState state, Faults& faults);
void write(const Revision& revision, v1::Revision* to);
Revision read(const v1::Revision& from, Faults& faults);

}  // namespace outboard::wire
