#include "server/rpc/caller.h"

#include <algorithm>
#include <string_view>

namespace outboard::server {
namespace {

constexpr std::string_view kBearer = "Bearer ";

std::optional<std::string_view> single(const Metadata& metadata, const char* key) {
  const auto [begin, end] = metadata.equal_range(key);
  if (begin == end || std::next(begin) != end) return std::nullopt;
  return std::string_view(begin->second.data(), begin->second.size());
}

}  // namespace

std::optional<std::string> bearer_of(const Metadata& metadata) {
  const auto value = single(metadata, "authorization");
  if (!value || !value->starts_with(kBearer)) return std::nullopt;
  return std::string(value->substr(kBearer.size()));
}

Result<ClientId> client_of(const Metadata& metadata) {
  const auto value = single(metadata, "outboard-client");
  if (!value) return ClientId{};
  const auto uuid = parse_uuid(*value);
  if (uuid) return ClientId{*uuid};
  Error error;
  error.code = Code::invalid;
  error.message =
      "metadata outboard-client is no uuid; send one as 8-4-4-4-12 hexadecimal digits, or none";
  return error;
}

Moment deadline_of(std::chrono::system_clock::time_point deadline,
                   std::chrono::milliseconds longest) {
  using namespace std::chrono;
  const auto now = steady_clock::now();
  // Compared as points first: the far future minus now does not fit into a duration.
  if (deadline >= system_clock::now() + longest) return now + longest;
  return now + duration_cast<Moment::duration>(deadline - system_clock::now());
}

Result<Call> read_call(const Metadata& metadata, Moment deadline, TokenReader& tokens) {
  const auto secret = bearer_of(metadata);
  if (!secret) {
    Error error;
    error.code = Code::unauthenticated;
    error.message =
        "no token: send metadata authorization: Bearer ob_…, once; `outboard token` mints one";
    return error;
  }
  auto client = client_of(metadata);
  if (!client) return client.error();
  auto caller = tokens.read(*secret, deadline);
  if (!caller) return caller.error();
  caller->client = *client;
  return Call{deadline, *std::move(caller)};
}

}  // namespace outboard::server
