// What an RpcServer needs beside a store, for tests: tokens from a table, and an Admin that answers
// each question with what it was asked.
#pragma once

#include <map>
#include <string>
#include <utility>

#include "core/admin.h"
#include "core/guarded.h"
#include "server/token_reader.h"

namespace outboard::tests {

// Secrets and whom they stand for; may change while a server reads it.
class TableTokens final : public server::TokenReader {
 public:
  void set(std::string secret, Caller caller) {
    table_.with([&](auto& table) { table[std::move(secret)] = std::move(caller); });
  }
  void revoke(const std::string& secret) {
    table_.with([&](auto& table) { table.erase(secret); });
  }

  Result<Caller> read(std::string_view secret, Moment) override {
    return table_.with([&](auto& table) -> Result<Caller> {
      const auto found = table.find(secret);
      if (found != table.end()) return found->second;
      Error error;
      error.code = Code::unauthenticated;
      error.message = "not a good token; mint a new one";
      return error;
    });
  }

 private:
  Guarded<std::map<std::string, Caller, std::less<>>> table_;
};

// All grants in organisation 1.
inline Caller everything(std::string principal) {
  Caller caller;
  caller.token = 1;
  caller.organisation = 1;
  caller.principal = std::move(principal);
  caller.grants.push_back(Grant{VolumeId{}, "/", true});
  return caller;
}

class EchoAdmin final : public Admin {
 public:
  Result<Organisation> create_organisation(const Call&, std::string_view name) override {
    return Organisation{7, std::string(name), Timestamp{11}};
  }
  Result<std::vector<Organisation>> organisations(const Call& call) override {
    return std::vector<Organisation>{{1, call.caller.principal, Timestamp{12}}};
  }
  Result<User> create_user(const Call&, std::string_view organisation,
                           std::string_view name) override {
    return User{std::string(organisation), std::string(name), Timestamp{13}};
  }
  Result<std::vector<User>> users(const Call&, std::string_view organisation) override {
    return std::vector<User>{{std::string(organisation), "ada", {}},
                             {std::string(organisation), "bob", {}}};
  }
  Result<Volume> create_volume(const Call&, std::string_view name,
                               const VolumeSettings& settings) override {
    Volume volume;
    volume.id = VolumeId{5};
    volume.name = std::string(name);
    take_settings(volume, settings);
    return volume;
  }
  Result<Volume> change_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override {
    return create_volume(call, name, settings);
  }
  Result<std::vector<Volume>> volumes(const Call&, std::string_view organisation) override {
    Volume volume;
    volume.name = std::string(organisation) + "/skills";
    return std::vector<Volume>{volume};
  }
  Result<Collected> collect(const Call&, std::string_view volume) override {
    return Collected{std::string(volume), 2, 30, 400, Seq{5}};
  }
  Result<MintedToken> mint_token(const Call&, const TokenRequest& request) override {
    MintedToken minted;
    minted.info.id = 3;
    minted.info.organisation = request.organisation;
    minted.info.principal = request.principal;
    minted.info.grants = request.grants;
    minted.info.admin = request.admin;
    minted.info.bound = request.bound;
    minted.info.expires.nanoseconds = request.life.count();
    minted.secret = "ob_" + to_string(request.session) + to_string(request.epoch) +
                    to_string(request.generation);
    return minted;
  }
  Result<TokenInfo> renew_token(const Call&, std::uint64_t id, std::chrono::seconds life) override {
    TokenInfo info;
    info.id = id;
    info.expires.nanoseconds = life.count();
    return info;
  }
  Status revoke_token(const Call&, std::uint64_t id) override {
    if (id == 3) return success();
    Error error;
    error.code = Code::not_found;
    error.message = "no such token";
    error.subject = std::to_string(id);
    return error;
  }
  Result<std::vector<TokenInfo>> tokens(const Call&, std::string_view organisation) override {
    TokenInfo info;
    info.organisation = std::string(organisation);
    info.revoked = true;
    return std::vector<TokenInfo>{info};
  }
};

}  // namespace outboard::tests
