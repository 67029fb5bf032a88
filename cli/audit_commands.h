// `outboard audit`: whether a log is as it was written, what was refused to whom, who read what.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct VerifyOptions {
  std::string volume;  // ORG/VOLUME; empty with `refusals`
  std::uint64_t after = 0;
  std::string expect;  // a seal that an earlier run printed; empty: none is looked for
  bool contents = false;
  bool refusals = false;  // the record of refusals instead
};

// Fails with `corrupt` when something is not as it was written, or `expect` is no seal of it.
Status verify_audit(Context& context, const VerifyOptions& options);

struct RefusedOptions {
  std::string organisation;
  std::uint32_t limit = 20;
};

Status list_refused(Context& context, const RefusedOptions& options);

struct ReadsOptions {
  std::string volume;
  std::string path;
  std::uint32_t days = 30;
  std::uint32_t limit = 50;
};

Status list_reads(Context& context, const ReadsOptions& options);

}  // namespace outboard::cli
