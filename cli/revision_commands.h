// skills submit, review, publish, revisions, diff, pin, rollback: how a reviewed volume's head
// becomes what its readers see.
//
// A revision is named by its number or its name; "head" is what editors see, "published" what
// readers do.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct SubmitOptions {
  std::string volume;  // empty: <organisation>/skills, as in all of these
  std::string name;
  std::string message;
};
Status submit_revision(Context& context, const SubmitOptions& options);

struct ReviewOptions {
  std::string volume;
  std::uint64_t number = 0;
  bool approve = false;
  std::string remark;
};
Status review_revision(Context& context, const ReviewOptions& options);

struct PublishOptions {
  std::string volume;
  std::uint64_t number = 0;  // 0: the head, submitted by this command
  std::string name;
  std::string message;
};
Status publish_revision(Context& context, const PublishOptions& options);

Status list_revisions(Context& context, const std::string& volume, std::uint32_t limit);

struct RevisionDiffOptions {
  std::string volume;
  std::string from;    // empty: published
  std::string to;      // empty: head
  bool names = false;  // names only
};
// What differs, file by file and line by line; nothing where the trees are the same.
Status diff_revisions(Context& context, const RevisionDiffOptions& options);

struct PinOptions {
  std::string volume;
  std::string revision;
  std::uint64_t token = 0;
};
// The token sees that revision for its life.
Status pin_token(Context& context, const PinOptions& options);

struct RollbackOptions {
  std::string volume;
  std::string revision;
  std::string message;
  bool dry_run = false;
};
// Makes the head what the revision was, as new changes, and publishes it; where a second reviewer
// is needed it submits it.
Status roll_back(Context& context, const RollbackOptions& options);

}  // namespace outboard::cli
