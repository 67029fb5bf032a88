// The rules for what comes back, and for what must not.
#include "core/commit_step.h"

namespace outboard::rules {

Result<Outcome> apply(Work&, const Restore& op) {
  return refuse(Code::unsupported, to_string(op.inode),
                "restoring is not built yet: read the version and publish it");
}

Result<Outcome> apply(Work&, const Redact& op) {
  return refuse(Code::unsupported, to_string(op.inode), "redaction is not built yet");
}

}  // namespace outboard::rules
