#include "server/oidc/oidc.h"

#include <utility>

#include "core/log.h"
#include "core/path.h"
#include "server/access_limits.h"
#include "server/oidc/key_source.h"

namespace outboard::server::oidc {
namespace {

Result<KeySet> read_set(const std::string& location, Moment deadline) {
  auto text = read_keys(location, deadline);
  if (!text) return text.error();
  return KeySet::parse(*text);
}

Error nobody(const std::string& why) {
  return Error{Code::unauthenticated, "the ID token is good, but " + why};
}

}  // namespace

Oidc::Oidc(SignInConfig config, const Clock& clock, Mint mint)
    : config_(std::move(config)), clock_(clock), mint_(std::move(mint)) {}

Result<std::unique_ptr<Oidc>> Oidc::open(SignInConfig config, const Clock& clock, Mint mint) {
  if (config.audience.empty() || config.keys.empty() || config.organisation.empty()) {
    return Error{Code::invalid, "signing in by " + config.issuer +
                                    " needs an audience, the issuer's keys and an organisation"};
  }
  std::unique_ptr<Oidc> oidc(new Oidc(std::move(config), clock, std::move(mint)));
  auto keys = oidc->keys_for({}, std::chrono::steady_clock::now() + kKeySetDeadline);
  if (!keys) return keys.error();
  return oidc;
}

Result<KeySet> Oidc::keys_for(std::string_view id, Moment deadline) {
  {
    const Lock lock(mutex_);
    while (keys_.reading) {
      if (!read_.wait_until(mutex_, deadline)) break;
    }
    const Moment now = clock_.now();
    const bool known = keys_.set && (id.empty() || keys_.set->has(id));
    const bool fresh = keys_.set && now - keys_.read_at < kKeySetLife;
    const bool paused = keys_.set && now - keys_.tried_at < kKeySetPause;
    if ((known && fresh) || paused || (keys_.set && keys_.reading)) return *keys_.set;
    keys_.reading = true;
    keys_.tried_at = now;
  }
  auto set = read_set(config_.keys, deadline);
  const Lock lock(mutex_);
  keys_.reading = false;
  read_.notify_all();
  if (set) {
    keys_.set = *std::move(set);
    keys_.read_at = keys_.tried_at;
    return *keys_.set;
  }
  log(Severity::warning, "the issuer's keys could not be read", {{"why", set.error().message}});
  if (keys_.set) return *keys_.set;
  return set.error();
}

Result<std::string> Oidc::user_of(const std::string& claim) const {
  std::string user = claim;
  if (!config_.email_domain.empty()) {
    const std::size_t at = claim.rfind('@');
    if (at == std::string::npos || claim.substr(at + 1) != config_.email_domain) {
      return nobody("its address is not at " + config_.email_domain);
    }
    user = claim.substr(0, at);
  }
  if (auto good = check_slug("a user", user); !good) return nobody(good.error().message);
  return user;
}

Result<MintedToken> Oidc::sign_in(std::string_view id_token, Moment deadline) {
  auto id = key_id_of(id_token);
  if (!id) return id.error();
  auto keys = keys_for(*id, deadline);
  if (!keys) return keys.error();
  const Expected expected{config_.issuer, config_.audience, config_.user_claim};
  auto claim = read_id_token(id_token, *keys, expected, clock_.wall());
  if (!claim) return claim.error();
  auto user = user_of(*claim);
  if (!user) return user.error();
  auto minted = mint_(config_.organisation, *user, config_.create_users, config_.life, deadline);
  if (minted || minted.error().code != Code::not_found) return minted;
  return nobody("there is no user " + *user + " here: ask an administrator to create one");
}

}  // namespace outboard::server::oidc
