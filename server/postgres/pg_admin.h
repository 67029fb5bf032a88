// PgAdmin: core/admin.h over Postgres. Every function is one statement, or asks one before it.
//
// Any thread may call.
#pragma once

#include <functional>
#include <utility>

#include "core/admin.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgAdmin final : public Admin {
 public:
  // `changed` is called with what a volume has become, before who changed it has the answer.
  PgAdmin(ConnectionPool& pool, std::function<void(const Volume&)> changed)
      : pool_(pool), changed_(std::move(changed)) {}

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
  Result<TokenInfo> renew_token(const Call& call, std::uint64_t id,
                                std::chrono::seconds life) override;
  Status revoke_token(const Call& call, std::uint64_t id) override;
  Result<std::vector<TokenInfo>> tokens(const Call& call, std::string_view organisation) override;

  // A token of the site's administrator, with all grants and kTokenLifeMax.
  Result<MintedToken> mint_site_token(const Call& call, std::string_view principal);

 private:
  // The organisation's number, when the caller may administer it.
  Result<std::uint64_t> administered(const Call& call, std::string_view organisation);
  Result<MintedToken> insert_token(const Call& call, std::uint64_t organisation,
                                   const TokenRequest& request, const std::vector<Grant>& grants);
  // The same, when the caller may change the volume's settings.
  Result<std::uint64_t> managed(const Call& call, const std::string& name,
                                std::string_view organisation);
  // The organisation's number, when the caller may mint what is asked; fills in what it must.
  Result<std::uint64_t> minter(const Call& call, TokenRequest& request);
  // no_access: the caller's own grants do not cover this one for the volume of that name.
  static Status check_covered(const Call& call, const Grant& grant, const std::string& volume);
  Result<std::vector<Grant>> inherited(const Call& call);
  Result<std::vector<Grant>> resolve(const Call& call, std::uint64_t organisation,
                                     const TokenRequest& request);

  ConnectionPool& pool_;
  const std::function<void(const Volume&)> changed_;
};

}  // namespace outboard::server
