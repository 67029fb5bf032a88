#include "harness/exec_agent/agent.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard::harness {

Agent::Agent(const AgentConfig& config, EventLoop& loop, InnerLink& inner, const Clock& clock)
    : config_(config),
      clock_(clock),
      fence_(config.log_directory + "/epoch"),
      commands_(loop, inner, clock, config.log_directory),
      files_(inner),
      freezer_(choose_freezer(config.cgroup, inner)),
      mounts_(connect_mounts(config.mount_control)) {}

Status Agent::check_author(const std::string& author) const {
  if (author.empty() || author == config_.author) return success();
  return Error{Code::unsupported,
               "author " + author + " has no inner layer in this sandbox, which is " +
                   (config_.author.empty() ? "nobody's" : config_.author + "'s") +
                   "; several authors in one sandbox are not built yet",
               author};
}

Result<CommandStarted> Agent::start(const CommandRequest& request, Generation generation,
                                    const std::string& author, const Seqs& barrier,
                                    Moment deadline) {
  if (auto passed = fence_.pass(request.epoch); !passed) return std::move(passed).error();
  if (generation != config_.generation) {
    return Error{Code::fenced,
                 "the command is for generation " + to_string(generation) +
                     " of the sandbox, this is " + to_string(config_.generation) +
                     "; ask which one is current",
                 {}};
  }
  if (auto owned = check_author(author); !owned) return std::move(owned).error();
  if (auto known = commands_.find(request.op)) return CommandStarted{false, *known};
  auto admission = gate_.admit();
  if (!admission) return std::move(admission).error();
  if (auto reached = mounts_->barrier(barrier, deadline); !reached) {
    return std::move(reached).error();
  }
  return commands_.start(request, *std::move(admission));
}

Result<bool> Agent::signal(const OpId& op, Epoch epoch, int number) {
  if (auto passed = fence_.pass(epoch); !passed) return std::move(passed).error();
  return commands_.signal(op, number);
}

Result<bool> Agent::freeze(Epoch epoch, Moment deadline) {
  if (auto passed = fence_.pass(epoch); !passed) return std::move(passed).error();
  const Moment until = std::min(deadline, clock_.now() + kFreezeWait);
  return gate_.freeze([&]() -> Result<bool> {
    // A daemon that cannot publish or does not answer is no reason not to freeze: it is not frozen
    // itself, keeps what it has and goes on trying.
    const auto asleep = mounts_->sleep(until);
    if (asleep && !*asleep) return false;
    auto frozen = freezer_->freeze(until);
    if (!frozen || !*frozen) (void)mounts_->wake(deadline);
    return frozen;
  });
}

Status Agent::thaw(Epoch epoch, const Seqs& barrier, Moment deadline) {
  if (auto passed = fence_.pass(epoch); !passed) return passed;
  if (auto reached = mounts_->barrier(barrier, deadline); !reached) return reached;
  return gate_.thaw([&] {
    // Mounts that are not woken still show nothing wrong: of strict volumes they ask the server
    // each time, of others they show what they have. The barrier is what the harness insists on.
    (void)mounts_->wake(deadline);
    return freezer_->thaw(deadline);
  });
}

Result<OpenedFile> Agent::open_file(const std::string& path, const std::string& author) {
  if (auto owned = check_author(author); !owned) return std::move(owned).error();
  auto admission = gate_.admit();
  if (!admission) return std::move(admission).error();
  return files_.open(path);
}

Result<WorkspaceWritten> Agent::write_file(const WorkspaceWrite& wanted, Epoch epoch,
                                           const std::string& author) {
  if (auto passed = fence_.pass(epoch); !passed) return std::move(passed).error();
  if (auto owned = check_author(author); !owned) return std::move(owned).error();
  auto admission = gate_.admit();
  if (!admission) return std::move(admission).error();
  return files_.write(wanted);
}

}  // namespace outboard::harness
