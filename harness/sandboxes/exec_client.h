// ExecClient: Exec over exec.proto, for any provider that can say where the agent's socket is.
//
// tools → ExecClient ~wire~ outboard-exec. No gRPC in this header. Any thread.
#pragma once

#include <memory>
#include <string>

#include "harness/sandboxes/exec.h"

namespace outboard::harness {

struct ExecHello {
  SessionId session;
  Generation generation;
  Epoch epoch;  // highest seen there
  std::vector<std::string> capabilities;
};

class ExecClient final : public Exec {
 public:
  // `address` as gRPC has it: "unix:/path". Connects at the first call, and again when it must.
  explicit ExecClient(const std::string& address);
  ~ExecClient() override;

  // Which sandbox this is. Waits for the agent up to the deadline.
  Result<ExecHello> hello(Epoch epoch, Moment deadline);

  Result<ExecStarted> start(const ExecCommand& command, Moment deadline) override;
  Result<ExecState> attach(const OpId& op, std::uint64_t offset, const OutputSink& sink,
                           Moment deadline) override;
  Result<bool> signal(const OpId& op, Epoch epoch, int number, Moment deadline) override;
  Result<ExecState> wait(const OpId& op, Moment deadline) override;
  Result<std::vector<ExecState>> commands(Moment deadline) override;
  Result<FreezeOutcome> freeze(Epoch epoch, Moment deadline) override;
  Result<std::chrono::microseconds> thaw(Epoch epoch, const SeqMap& barrier,
                                         Moment deadline) override;
  Result<FileContent> read_file(std::string_view path, std::uint64_t offset, std::uint64_t size,
                                Moment deadline) override;
  Result<FileWritten> write_file(const FileWrite& write, Moment deadline) override;

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::harness
