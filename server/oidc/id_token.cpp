#include "server/oidc/id_token.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/access_limits.h"
#include "server/oidc/base64url.h"

namespace outboard::server::oidc {
namespace {

using Json = nlohmann::json;

Error bad(const std::string& why) {
  return Error{Code::unauthenticated, "the ID token " + why + ": sign in at the issuer again"};
}

struct Parts {
  Json header;
  Json claims;
  std::string_view signed_text;
  std::string signature;
};

std::optional<Json> object_of(std::string_view encoded) {
  const auto text = from_base64url(encoded);
  if (!text) return std::nullopt;
  Json value = Json::parse(*text, nullptr, false);
  if (!value.is_object()) return std::nullopt;
  return value;
}

Result<Parts> parts_of(std::string_view token) {
  if (token.size() > kIdTokenBytesMax) {
    return bad("has " + std::to_string(token.size()) + " bytes, the limit is " +
               std::to_string(kIdTokenBytesMax));
  }
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) {
    return bad("is no JWT, which has three parts with dots between");
  }
  auto header = object_of(token.substr(0, first));
  auto claims = object_of(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header || !claims || !signature) return bad("is no JWT: a part of it cannot be read");
  return Parts{*std::move(header), *std::move(claims), token.substr(0, second),
               *std::move(signature)};
}

std::string text(const Json& object, const std::string& name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

// Seconds since 1970, as the claim says; nothing when it is no number.
std::optional<double> seconds(const Json& claims, const char* name) {
  const auto found = claims.find(name);
  if (found == claims.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

bool is_for(const Json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return false;
  if (found->is_string()) return found->get<std::string>() == audience;
  return found->is_array() && std::any_of(found->begin(), found->end(), [&](const Json& one) {
           return one.is_string() && one.get<std::string>() == audience;
         });
}

Status check_claims(const Json& claims, const Expected& expected, Timestamp at) {
  if (text(claims, "iss") != expected.issuer) {
    return bad("is not of the issuer " + expected.issuer);
  }
  if (!is_for(claims, expected.audience)) return bad("is not for " + expected.audience);
  const double now = static_cast<double>(at.nanoseconds) / 1e9;
  const double skew = static_cast<double>(kClockSkew.count());
  const auto expires = seconds(claims, "exp");
  if (!expires) return bad("does not say until when it is valid");
  if (now >= *expires + skew) return bad("has expired");
  const auto begins = seconds(claims, "nbf");
  if (begins && now + skew < *begins) return bad("is not valid yet");
  if (!begins && claims.contains("nbf")) return bad("does not say from when it is valid");
  return success();
}

}  // namespace

Result<std::string> key_id_of(std::string_view token) {
  auto parts = parts_of(token);
  if (!parts) return parts.error();
  return text(parts->header, "kid");
}

Result<std::string> read_id_token(std::string_view token, const KeySet& keys,
                                  const Expected& expected, Timestamp now) {
  auto parts = parts_of(token);
  if (!parts) return parts.error();
  if (parts->header.contains("crit")) return bad("asks for rules that this server does not know");
  const std::string algorithm = text(parts->header, "alg");
  if (!keys.verifies(text(parts->header, "kid"), algorithm, parts->signed_text, parts->signature)) {
    return bad("was not signed by a key of its issuer with RS256 or ES256");
  }
  if (auto good = check_claims(parts->claims, expected, now); !good) return good.error();
  std::string user = text(parts->claims, expected.user_claim);
  if (user.empty()) return bad("has no claim " + expected.user_claim + " to tell the user by");
  const auto verified = parts->claims.find("email_verified");
  if (expected.user_claim == "email" && verified != parts->claims.end() && *verified == false) {
    return bad("has an address that its issuer has not verified");
  }
  return user;
}

}  // namespace outboard::server::oidc
