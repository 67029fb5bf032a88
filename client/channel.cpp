#include "client/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>

#include <algorithm>
#include <string_view>

#include "core/limits.h"
#include "outboard/v1/store.grpc.pb.h"
#include "proto/endpoint.h"
#include "proto/grpc_life.h"
#include "proto/handshake.h"

namespace outboard::client {
namespace {

// gRPC takes many more words for an address, and looks those up that it does not know.
bool is_address(std::string_view address) {
  if (wire::is_unix(address)) return address.size() > std::string_view("unix:").size();
  const std::size_t colon = address.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view port = address.substr(colon + 1);
  return !port.empty() && port.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_for(const ChannelConfig& config) {
  if (!is_address(config.address)) {
    return Error{Code::invalid,
                 "\"" + config.address + "\" is no address: write unix:/path or host:port",
                 config.address};
  }
  if (wire::is_unix(config.address)) return grpc::InsecureChannelCredentials();
  if (config.tls_ca_file.empty()) {
    if (wire::is_loopback(config.address)) return grpc::InsecureChannelCredentials();
    Error error;
    error.code = Code::invalid;
    error.message = "will not send a token to " + config.address +
                    " in the clear: give the CA file of its TLS certificate (--tls-ca; of the "
                    "command outboard --ca-file)";
    error.subject = config.address;
    return error;
  }
  grpc::SslCredentialsOptions options;
  auto ca = wire::pem_file(config.tls_ca_file);
  if (!ca) return ca.error();
  options.pem_root_certs = *ca;
  if (!config.tls_certificate_file.empty()) {
    auto certificate = wire::pem_file(config.tls_certificate_file);
    if (!certificate) return certificate.error();
    auto key = wire::pem_file(config.tls_key_file);
    if (!key) return key.error();
    options.pem_cert_chain = *certificate;
    options.pem_private_key = *key;
  }
  return grpc::SslCredentials(options);
}

grpc::ChannelArguments arguments() {
  grpc::ChannelArguments arguments;
  const auto set = [&](const char* key, auto value) {
    arguments.SetInt(key, static_cast<int>(value));
  };
  set(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveInterval.count());
  set(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeout.count());
  set(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  set(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  set(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kReconnectWaitMin.count());
  set(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kReconnectWaitMax.count());
  set(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kReconnectWaitMax.count());
  // A connection of its own: one store's trouble is not another's.
  set(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(static_cast<int>(kAnswerBytesMax));
  arguments.SetMaxSendMessageSize(static_cast<int>(kAnswerBytesMax));
  return arguments;
}

}  // namespace

Moment bounded(Moment deadline, std::chrono::milliseconds usual) {
  return deadline == Moment::max() ? std::chrono::steady_clock::now() + usual : deadline;
}

Error nobody_waits() {
  return Error{Code::timed_out, "the caller gave up before the answer came"};
}

Channel::Channel(const ChannelConfig& config, std::shared_ptr<grpc::Channel> channel)
    : config_(config),
      channel_(std::move(channel)),
      client_(config.client ? config.client : ClientId{random_uuid()}) {}

Result<std::unique_ptr<Channel>> Channel::open(const ChannelConfig& config) {
  wire::keep_grpc_alive();
  auto credentials = credentials_for(config);
  if (!credentials) return credentials.error();
  return std::unique_ptr<Channel>(
      new Channel(config, grpc::CreateCustomChannel(config.address, *credentials, arguments())));
}

Result<std::unique_ptr<Channel>> Channel::connect(const ChannelConfig& config, Moment deadline) {
  auto channel = open(config);
  if (!channel) return channel;
  if (auto shaken = (*channel)->shake_hands(bounded(deadline, kReadDeadline)); !shaken) {
    return shaken.error();
  }
  return channel;
}

std::unique_ptr<Channel> Channel::as(std::function<std::string()> token) const {
  ChannelConfig config = config_;
  config.token = std::move(token);
  config.client = {};
  std::unique_ptr<Channel> other(new Channel(config, channel_));
  other->server_version_ = server_version_;
  return other;
}

Status Channel::shake_hands(Moment deadline) {
  const auto stub = v1::StoreService::NewStub(channel_);
  v1::HandshakeRequest request;
  wire::write_handshake(OUTBOARD_VERSION, &request);
  v1::HandshakeResponse response;
  const Status asked = ask(*this, deadline, Again::yes, [&](grpc::ClientContext& context) {
    return stub->Handshake(&context, request, &response);
  });
  if (!asked) {
    Error error = asked.error();
    if (error.code == Code::timed_out) error.code = Code::unavailable;
    error.message = "no answer from the server at " + config_.address + ": " + error.message +
                    "; is it running, and is that its address?";
    error.subject = config_.address;
    return error;
  }
  server_version_ = response.server_version();
  return wire::check_handshake(response);
}

// Whatever cannot stand in a header is no token of ours; gRPC would abort on it.
std::string Channel::token() const {
  std::string token = config_.token ? config_.token() : std::string();
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r' || token.back() == ' ')) {
    token.pop_back();
  }
  const bool clean =
      std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < 127; });
  return clean ? token : std::string();
}

void Channel::prepare(grpc::ClientContext& context, Moment deadline) const {
  const auto left = deadline - std::chrono::steady_clock::now();
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::duration_cast<std::chrono::microseconds>(left));
  identify(context, token());
}

void Channel::identify(grpc::ClientContext& context, const std::string& token) const {
  if (!token.empty()) context.AddMetadata("authorization", "Bearer " + token);
  context.AddMetadata("outboard-client", to_string(client_));
}

Retry Channel::retry_until(Moment deadline) const {
  std::uint64_t seed = 0;
  for (const std::uint8_t byte : client_.uuid.bytes) seed = seed * 31 + byte;
  return {deadline, seed ^ static_cast<std::uint64_t>(
                               std::chrono::steady_clock::now().time_since_epoch().count())};
}

}  // namespace outboard::client
