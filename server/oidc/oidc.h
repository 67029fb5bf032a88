// Oidc: signs people in by the ID tokens of one OIDC issuer.
//
// RpcServer's SignInService → sign_in(): the issuer's key, the claims, the user's name → a bound
// token, by whoever mints. Keys are remembered for kKeySetLife and read again when a token names
// one that is not known; when they cannot be read, those that were known stay good.
//
// Any thread. While one thread reads keys, others wait for it or for their deadline.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/guarded.h"
#include "server/oidc/id_token.h"
#include "server/sign_in.h"

namespace outboard::server::oidc {

// Mints for `user` of `organisation`; with `create` it makes an unknown one. not_found: unknown.
using Mint =
    std::function<Result<MintedToken>(const std::string& organisation, const std::string& user,
                                      bool create, std::chrono::seconds life, Moment deadline)>;

class Oidc final : public SignIn {
 public:
  // Reads the keys: a wrong configuration is told at the start. `clock` outlives it.
  static Result<std::unique_ptr<Oidc>> open(SignInConfig config, const Clock& clock, Mint mint);

  Result<MintedToken> sign_in(std::string_view id_token, Moment deadline) override;

 private:
  struct Keys {
    std::optional<KeySet> set;
    Moment read_at{};   // those in `set`
    Moment tried_at{};  // whether that worked or not
    bool reading = false;
  };
  Oidc(SignInConfig config, const Clock& clock, Mint mint);
  // A set that has the key, if there is one.
  Result<KeySet> keys_for(std::string_view id, Moment deadline);
  Result<std::string> user_of(const std::string& claim) const;

  const SignInConfig config_;
  const Clock& clock_;
  const Mint mint_;
  Mutex mutex_;
  Condition read_;
  Keys keys_ GUARDED_BY(mutex_);
};

}  // namespace outboard::server::oidc
