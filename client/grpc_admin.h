// GrpcAdmin: the Admin interface of a server somewhere else, and what that server says of itself.
// Calls AdminService over one channel.
//
// Questions are asked again after `unavailable` until their deadline. What creates or mints is sent
// once only: after `unavailable` it may or may not have happened, and `exists` tells.
// Every function may be called from any thread.
#pragma once

#include <memory>

#include "client/channel_config.h"
#include "core/admin.h"
#include "core/diagnosis.h"

namespace outboard::client {

class GrpcAdmin final : public Admin, public Examiner {
 public:
  // As GrpcStore::connect.
  static Result<std::unique_ptr<GrpcAdmin>> connect(const ChannelConfig& config, Moment deadline);
  ~GrpcAdmin() override;
  GrpcAdmin(const GrpcAdmin&) = delete;
  GrpcAdmin& operator=(const GrpcAdmin&) = delete;

  Result<Organisation> create_organisation(const Call& call, std::string_view name) override;
  Result<std::vector<Organisation>> organisations(const Call& call) override;
  Result<User> create_user(const Call& call, std::string_view organisation,
                           std::string_view name) override;
  Result<std::vector<User>> users(const Call& call, std::string_view organisation) override;
  Result<Volume> create_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override;
  Result<Volume> change_volume(const Call& call, std::string_view name,
                               const VolumeSettings& settings) override;
  Result<Collected> collect(const Call& call, std::string_view volume) override;
  Result<std::vector<Volume>> volumes(const Call& call, std::string_view organisation) override;
  Result<MintedToken> mint_token(const Call& call, const TokenRequest& request) override;
  Result<TokenInfo> renew_token(const Call& call, std::uint64_t id,
                                std::chrono::seconds life) override;
  Status revoke_token(const Call& call, std::uint64_t id) override;
  Result<std::vector<TokenInfo>> tokens(const Call& call, std::string_view organisation) override;
  Result<Diagnosis> examine(const Call& call) override;

 private:
  struct Parts;
  explicit GrpcAdmin(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::client
