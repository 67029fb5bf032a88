// What the volume's ContentRules say of a batch, asked when all of its steps are done.
//
// At the end, not step by step: a batch may rename a skill's folder and write the new name into its
// SKILL.md, in either order. A SKILL.md is judged whenever its content or its path changed; bytes
// are looked through for secrets once, with what stands around them. An empty SKILL.md is one that
// its writer has only begun: a program creates a file before it writes it. [S22, S32]
// Private to core/commit.cpp.
#pragma once

#include <cstddef>
#include <vector>

#include "core/content_rules.h"
#include "core/store.h"
#include "core/working_set.h"

namespace outboard::rules {

struct Review {
  WorkingSet& set;
  const ContentRules& rules;
  std::size_t first_change = 0;       // of the batch, in set.changes()
  std::size_t first_content = 0;      // of the batch, in set.contents()
  const std::vector<Seq>& step_ends;  // the volume's head behind each step
  Applied& applied;                   // takes the warnings
};

// invalid: a fault where the volume refuses; the error's `step` is the one that brought it in.
Status review(const Review& review);

}  // namespace outboard::rules
