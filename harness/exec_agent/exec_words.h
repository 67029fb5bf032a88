// exec.proto's messages ↔ the agent's words. Pure.
#pragma once

#include <grpcpp/server_context.h>

#include "core/clock.h"
#include "harness/exec_agent/call_log.h"
#include "harness/exec_agent/commands.h"
#include "harness/exec_agent/files.h"
#include "harness/exec_agent/mounts.h"
#include "outboard/v1/exec.pb.h"

namespace outboard::harness {

// invalid: not the 16 bytes of a uuid.
Result<OpId> read_op(const std::string& bytes);
Result<CommandRequest> read(const v1::StartRequest& from);
Result<WorkspaceWrite> read(const v1::WriteFileHeader& from);
template <class Map>
Seqs read_seqs(const Map& from) {
  Seqs seqs;
  for (const auto& [volume, seq] : from) seqs[volume] = Seq{seq};
  return seqs;
}

void write(const CallState& state, v1::CommandState* to);

// When the caller stops waiting.
Moment deadline_of(const grpc::ServerContextBase& context);

}  // namespace outboard::harness
