// Channel: one gRPC channel to a server, and what every call on it carries.
//
// For the files of this room only: others would have to read gRPC's headers. Any thread.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "client/channel_config.h"
#include "client/retry.h"
#include "core/call.h"
#include "core/limits.h"
#include "core/result.h"
#include "proto/status.h"

namespace outboard::client {

class Channel {
 public:
  // Opens and shakes hands until `deadline`; errors as GrpcStore::connect.
  static Result<std::unique_ptr<Channel>> connect(const ChannelConfig& config, Moment deadline);

  // Opens without shaking hands: for services that have no handshake. Errors as connect, but for
  // those of an answer.
  static Result<std::unique_ptr<Channel>> open(const ChannelConfig& config);
  // The same connection for somebody else: another token, another client.
  std::unique_ptr<Channel> as(std::function<std::string()> token) const;

  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  ClientId client() const { return client_; }
  const std::string& server_version() const { return server_version_; }
  // The token as it is now, without the line's end of its file.
  std::string token() const;

  // Deadline, token and client of one try. `token`: as token() said.
  void prepare(grpc::ClientContext& context, Moment deadline) const;
  void identify(grpc::ClientContext& context, const std::string& token) const;
  Retry retry_until(Moment deadline) const;

 private:
  Channel(const ChannelConfig& config, std::shared_ptr<grpc::Channel> channel);
  Status shake_hands(Moment deadline);

  const ChannelConfig config_;
  const std::shared_ptr<grpc::Channel> channel_;
  const ClientId client_;
  std::string server_version_;
};

// `deadline`, or `usual` from now when the call has none.
Moment bounded(Moment deadline, std::chrono::milliseconds usual);

enum class Again : bool { no, yes };

// What a call that was given up is answered.
Error nobody_waits();

// Tries `attempt(context)` → grpc::Status until it answers, retrying is over, or it is given up.
template <class Attempt>
Status ask(const Channel& channel, Moment deadline, Again again, Attempt attempt,
           const std::shared_ptr<Cancellation>& given_up = {}) {
  Retry retry = channel.retry_until(deadline);
  std::optional<Error> away;  // why the attempt before did not reach the server
  for (;;) {
    grpc::Status status;
    {
      grpc::ClientContext context;
      channel.prepare(context, deadline);
      // A connection is made while somebody waits for it, and not between attempts. [D39]
      context.set_wait_for_ready(away.has_value());
      const Cancellation::Hook cancel(given_up, [&context] { context.TryCancel(); });
      status = attempt(context);
    }
    if (status.ok()) return success();
    if (given_up && given_up->requested()) return nobody_waits();
    Error error = wire::to_error(status);
    if (error.code == Code::timed_out && away) return *away;  // it says more
    if (again == Again::no) return error;
    const auto next = retry.next(error, std::chrono::steady_clock::now());
    if (!next) return error;
    away = std::move(error);
    if (!given_up) {
      std::this_thread::sleep_until(*next);
    } else if (given_up->wait_until(*next)) {
      return nobody_waits();
    }
  }
}

// A service on a channel of its own, asked by calls with one answer. The base of what such a client
// keeps.
template <class Service>
struct Peer {
  using Stub = typename Service::Stub;

  explicit Peer(std::unique_ptr<Channel> opened)
      : channel(std::move(opened)), stub(Service::NewStub(channel->channel())) {}

  template <class Request, class Response>
  Status call(const Call& call, Again again,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request, Response* response) {
    return ask(*channel, bounded(call.deadline, kWriteDeadline), again,
               [&](grpc::ClientContext& context) {
                 return (stub.get()->*method)(&context, request, response);
               });
  }

  std::unique_ptr<Channel> channel;
  std::unique_ptr<Stub> stub;
};

}  // namespace outboard::client
