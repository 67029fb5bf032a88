// SignIn: from an identity that somebody else vouches for to a token of ours.
//
// server/rpc asks it for callers who have no token yet; server/oidc answers for ID tokens of an
// OIDC issuer.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "core/admin.h"
#include "core/result.h"
#include "server/access_limits.h"

namespace outboard::server {

// Which ID tokens are taken, and for whom.
struct SignInConfig {
  std::string issuer;                             // its `iss`; empty: nobody signs in
  std::string audience;                           // `aud`: what this deployment is called there
  std::string keys;                               // the issuer's key set: a file or a URL
  std::string organisation;                       // whose people these are
  std::string user_claim = "preferred_username";  // its value is the user's name here
  std::string email_domain;   // with it the claim is an address there, its first part the name
  bool create_users = false;  // unknown ones are made, else refused
  std::chrono::seconds life = kSignInLifeDefault;  // of the token
};

class SignIn {
 public:
  virtual ~SignIn() = default;
  // A bound, short-lived token. unauthenticated: not a good identity, or nobody's here. Never says
  // more of a good one than that. Any thread; blocks.
  virtual Result<MintedToken> sign_in(std::string_view id_token, Moment deadline) = 0;
};

}  // namespace outboard::server
