// The rules: what each op needs, does and refuses. Pure: no I/O but the WorkingSet's reading, the
// same for every store. Conflicts, preconditions, quotas, POSIX's errors for names are decided here
// and nowhere else.
#pragma once

#include "core/call.h"
#include "core/content_rules.h"
#include "core/op.h"
#include "core/scope.h"
#include "core/store.h"
#include "core/working_set.h"

namespace outboard {

// What the policy makes of a publish whose base is not the current version. [S4]
enum class Verdict : std::uint8_t { clean, override_flagged, merge, refused };
Verdict judge(Policy policy, std::optional<Version> base, Version current);

// Applies `batch` to `set`, or leaves `set` as it was and says why not: the error's `step` is the
// index of the refused step, its `subject` the path or inode.
//   REQUIRES: check_batch(batch).
// Outside of what `scope` lets its caller write it does nothing: what is readable there is
// read_only, all else not_found, in the words and for the names of what is not there. [S39]
// When all steps are done, `rules` are asked about what they wrote (core/commit_review.h).
Result<Applied> apply_batch(WorkingSet& set, const Origin& origin, const Batch& batch,
                            const Scope& scope = Scope::whole(true),
                            const ContentRules& rules = NoContentRules());

}  // namespace outboard
