// PgAdmin: core/admin.h over Postgres. Every function is one statement, or asks one before it.
//
// Any thread may call.
#pragma once

#include "core/admin.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgAdmin final : public Admin {
 public:
  explicit PgAdmin(ConnectionPool& pool) : pool_(pool) {}

  Result<Organisation> create_organisation(const Call& call, std::string_view name) override;
  Result<std::vector<Organisation>> organisations(const Call& call) override;
  Result<User> create_user(const Call& call, std::string_view organisation,
                           std::string_view name) override;
  Result<std::vector<User>> users(const Call& call, std::string_view organisation) override;
  Result<Volume> create_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override;
  Result<Volume> change_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override;
  Result<std::vector<Volume>> volumes(const Call& call, std::string_view organisation) override;
  Result<Collected> collect(const Call& call, std::string_view volume) override;
  Result<MintedToken> mint_token(const Call& call, const TokenRequest& request) override;
  Status revoke_token(const Call& call, std::uint64_t id) override;
  Result<std::vector<TokenInfo>> tokens(const Call& call, std::string_view organisation) override;

  // A token of the site's administrator, with all grants and kTokenLifeMax.
  Result<MintedToken> mint_site_token(const Call& call, std::string_view principal);

 private:
  // The organisation's number, when the caller may administer it.
  Result<std::uint64_t> administered(const Call& call, std::string_view organisation);
  Result<MintedToken> insert_token(const Call& call, std::uint64_t organisation,
                                   const TokenRequest& request, const std::vector<Grant>& grants);
  Result<std::vector<Grant>> resolve(const Call& call, std::uint64_t organisation,
                                     const TokenRequest& request);

  ConnectionPool& pool_;
};

}  // namespace outboard::server
