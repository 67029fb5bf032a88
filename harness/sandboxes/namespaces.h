// Namespaces: sandboxes of this host, made of its own kernel's namespaces by bubblewrap.
//
// ensure_sandbox → Namespaces → bwrap → outboard-outer → mount daemon, exec agent, bwrap →
// outboard-inner. Two layers, docs/decisions and outer/main.cpp say why.
//
// What always holds: everything of a sandbox runs below one process (pid 1 of the outer layer's
// pid namespace), so when that is gone the kernel has ended all of it; a sandbox has three uids of
// its own; its directory is `directory`/SESSION, and the commands see of it only the workspace.
// Several harnesses of one host may share `directory`. Needs root, to give out uids. Any thread.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "core/guarded.h"
#include "harness/sandboxes/cgroup.h"
#include "harness/sandboxes/process.h"
#include "harness/sandboxes/sandbox.h"

namespace outboard::harness {

struct NamespacesConfig {
  std::string directory;  // absolute, short: a unix socket's path must fit below it
  std::string programs;   // where outboard-outer, -inner, -exec and -fuse are; empty: beside ours
  unsigned first_user = 0x40000000;        // the first uid and gid that sandboxes may use
  unsigned users = 300'000;                // how many; three for each sandbox
  FreezeBy freeze_by = FreezeBy::cgroup2;  // or what the machine has of those behind it
};

// The directory of the program that runs.
std::string programs_beside_this();

class Namespaces final : public Sandboxes {
 public:
  // unsupported: this machine or user cannot have them; the message says what is missing. Tries it
  // out, so that it fails here, loudly, and not at the first command.
  static Result<std::unique_ptr<Namespaces>> open(NamespacesConfig config);

  Result<std::shared_ptr<Sandbox>> open(const SessionId& session, Moment deadline) override;
  Result<std::shared_ptr<Sandbox>> create(const SandboxSpec& spec, Moment deadline) override;
  Status destroy(const SessionId& session, Moment deadline) override;
  Result<std::vector<SessionId>> sessions() override;

 private:
  explicit Namespaces(NamespacesConfig config) : config_(std::move(config)) {}

  std::string home_of(const SessionId& session) const;
  Result<unsigned> take_users(const std::string& home);
  void give_back_users(unsigned first_user);
  Status end(const std::string& home, Moment deadline);
  Result<ProcessId> begin(const SandboxSpec& spec, const std::string& home,
                          const std::string& cgroup, unsigned first_user, Moment deadline);

  // Reaps bubblewraps of ours that have ended.
  void reap();

  const NamespacesConfig config_;
  Guarded<std::set<pid_t>> bubblewraps_;
};

}  // namespace outboard::harness
