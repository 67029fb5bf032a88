#include "harness/sandboxes/sandbox.h"

namespace outboard::harness {

Result<std::shared_ptr<Sandbox>> ensure_sandbox(Sandboxes& sandboxes, const SessionId& session,
                                                const std::function<Result<SandboxSpec>()>& spec,
                                                Moment deadline) {
  auto running = sandboxes.open(session, deadline);
  if (running || running.error().code != Code::not_found) return running;
  auto wanted = spec();
  if (!wanted) return std::move(wanted).error();
  auto made = sandboxes.create(*wanted, deadline);
  // Another thread was faster: its sandbox is as good.
  if (!made && made.error().code == Code::exists) return sandboxes.open(session, deadline);
  return made;
}

}  // namespace outboard::harness
