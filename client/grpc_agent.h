// GrpcAgent: the Agent of a harness somewhere else. Calls AgentService over one channel.
//
// Place in the flow: cli → GrpcAgent ~wire~ harness/api. Requests are sent again after
// `unavailable` until their deadline: each carries an id that makes that safe. A watch that breaks
// is opened again behind the last event that its sink took; any harness may answer it.
#pragma once

#include <memory>

#include "client/agent.h"
#include "client/channel_config.h"

namespace outboard::client {

class GrpcAgent final : public Agent {
 public:
  // Does not dial yet. invalid: an address or certificate that will not do.
  static Result<std::unique_ptr<GrpcAgent>> open(const ChannelConfig& config);
  ~GrpcAgent() override;
  GrpcAgent(const GrpcAgent&) = delete;
  GrpcAgent& operator=(const GrpcAgent&) = delete;

  Result<bool> start(SessionId id, std::string_view model, std::string_view message,
                     Moment deadline) override;
  Result<bool> send(SessionId id, const Uuid& message, std::string_view text,
                    Moment deadline) override;
  Status watch(SessionId id, std::uint64_t after, AgentSink& sink,
               std::chrono::milliseconds patience) override;
  Status interrupt(SessionId id, const Uuid& request, Moment deadline) override;
  Status approve(SessionId id, OpId op, bool allow, std::string_view message,
                 Moment deadline) override;
  Result<SessionSummary> describe(SessionId id, Moment deadline) override;
  Result<SessionPage> find(std::string_view state, std::uint32_t limit, std::string_view page,
                           Moment deadline) override;

 private:
  struct Parts;
  explicit GrpcAgent(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::client
