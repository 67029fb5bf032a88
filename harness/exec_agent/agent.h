// Agent: what a sandbox does for a harness, in one place and without the wire.
//
// exec_service → Agent → epoch fence, freeze gate, mounts, commands, files, freezer. The order in
// which they are asked is the contract: fence, then gate, then barrier, then the intent on disk,
// then the start. Any thread; calls may wait for the mounts and the disk.
#pragma once

#include <memory>
#include <string>

#include "core/clock.h"
#include "core/ids.h"
#include "core/result.h"
#include "harness/exec_agent/commands.h"
#include "harness/exec_agent/epoch_fence.h"
#include "harness/exec_agent/event_loop.h"
#include "harness/exec_agent/files.h"
#include "harness/exec_agent/freeze_gate.h"
#include "harness/exec_agent/freezer.h"
#include "harness/exec_agent/inner_link.h"
#include "harness/exec_agent/mounts.h"

namespace outboard::harness {

struct AgentConfig {
  SessionId session;
  Generation generation;
  std::string log_directory;  // the agent's own, out of the model's sight
  std::string author;         // whose commands run here; empty: nobody is named
  std::string mount_control;  // empty: no mounts
  std::string cgroup;         // of the inner layer; empty: freeze by signals
};

class Agent {
 public:
  Agent(const AgentConfig& config, EventLoop& loop, InnerLink& inner, const Clock& clock);

  const AgentConfig& config() const { return config_; }
  Epoch epoch() const { return fence_.highest(); }
  std::string_view freezer_name() const { return freezer_->name(); }

  // A harness of that epoch is here. fenced: a higher one was.
  Status greet(Epoch epoch) { return fence_.pass(epoch); }

  // fenced: an old epoch, or another generation. unsupported: another author than this sandbox's.
  Result<CommandStarted> start(const CommandRequest& request, Generation generation,
                               const std::string& author, const Seqs& barrier, Moment deadline);
  Result<bool> signal(const OpId& op, Epoch epoch, int number);
  Commands& commands() { return commands_; }

  // False: deferred, and nothing was changed.
  Result<bool> freeze(Epoch epoch, Moment deadline);
  Status thaw(Epoch epoch, const Seqs& barrier, Moment deadline);

  Result<OpenedFile> open_file(const std::string& path, const std::string& author);
  Result<WorkspaceWritten> write_file(const WorkspaceWrite& wanted, Epoch epoch,
                                      const std::string& author);

 private:
  Status check_author(const std::string& author) const;

  const AgentConfig config_;
  const Clock& clock_;
  EpochFence fence_;
  FreezeGate gate_;
  Commands commands_;
  Files files_;
  const std::unique_ptr<Freezer> freezer_;
  const std::unique_ptr<Mounts> mounts_;
};

}  // namespace outboard::harness
