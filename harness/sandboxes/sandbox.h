// Sandboxes: the port to whatever provides the machines on which a model's commands run.
//
// runner, tools → Sandboxes ← namespaces (bubblewrap on this host), later docker and remote.
//
// A sandbox is cattle: it belongs to one session, is one incarnation of it (its generation), can be
// frozen between turns, and can be lost at any moment. Nothing that matters lives only in it.
//
// What always holds: a session has at most one sandbox here; a sandbox outlives the harness that
// made it, and any harness on the same host finds it again with open(); after destroy() none of its
// processes runs. Any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"
#include "harness/sandboxes/exec.h"

namespace outboard::harness {

// A volume as the model's commands see it: "/memory" shows "acme/memory".
struct SandboxView {
  std::string path;    // absolute: "/skills"; in the root of another: "/memory/mine" [S56]
  std::string volume;  // "acme/skills"
  bool writable = false;
};

struct SandboxSpec {
  SessionId session;
  Generation generation;           // higher than of any earlier sandbox of the session
  std::vector<SandboxView> views;  // none: no mount daemon is started
  std::string server;              // address of the store for the mount daemon: "unix:/path"
  std::string token;               // scoped to this session and generation; only the daemon's
  std::string author;              // the session's creator; whose commands run in it
};

class Sandbox {
 public:
  virtual ~Sandbox() = default;
  virtual SessionId session() const = 0;
  virtual Generation generation() const = 0;
  // Commands, files, freeze and thaw.
  virtual Exec& exec() = 0;
  // Whether it is gone for good: then its operations that have no result never get one. Does not
  // block; false while that is not certain.
  virtual bool lost() const = 0;
  // The workspace as a directory of this host; empty when it is on another one.
  virtual std::string workspace() const = 0;
};

class Sandboxes {
 public:
  virtual ~Sandboxes() = default;

  // The session's running sandbox. not_found: it has none, or the one it had is lost.
  virtual Result<std::shared_ptr<Sandbox>> open(const SessionId& session, Moment deadline) = 0;
  // A new one, ready for its first command. What is left of a lost predecessor is cleared away;
  // its workspace stays. exists: one is running; fenced: one of a higher generation was here.
  virtual Result<std::shared_ptr<Sandbox>> create(const SandboxSpec& spec, Moment deadline) = 0;
  // Ends every process of it and removes what it kept, with the workspace. Nothing there: success.
  virtual Status destroy(const SessionId& session, Moment deadline) = 0;
  // Sessions that have something here, running or lost: for sweeping up.
  virtual Result<std::vector<SessionId>> sessions() = 0;
};

// The session's sandbox, made when there is none: the lazy way to one. `spec` is asked only then;
// it chooses the next generation, journals it and mints the token for it.
Result<std::shared_ptr<Sandbox>> ensure_sandbox(Sandboxes& sandboxes, const SessionId& session,
                                                const std::function<Result<SandboxSpec>()>& spec,
                                                Moment deadline);

}  // namespace outboard::harness
