// ExecServer: exec.proto on a unix socket, in front of an Agent.
//
// harness ~wire~ ExecServer → Agent. gRPC's callback API; what may wait runs on a few workers, what
// waits for a command (Wait, Attach) holds no thread at all. No gRPC in this header.
//
// start, destroy: main's thread. The socket belongs to the agent's user; the sandbox's maker says
// with the directory's mode who may reach it.
#pragma once

#include <memory>
#include <string>

#include "core/result.h"
#include "harness/exec_agent/agent.h"

namespace outboard::harness {

class ExecServer {
 public:
  // Serves at once. unavailable: the socket cannot be made.
  static Result<std::unique_ptr<ExecServer>> start(const std::string& socket, Agent& agent);
  // Ends calls that still wait.
  ~ExecServer();
  ExecServer(const ExecServer&) = delete;
  ExecServer& operator=(const ExecServer&) = delete;

 private:
  struct Parts;
  explicit ExecServer(std::unique_ptr<Parts> parts);

  const std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::harness
