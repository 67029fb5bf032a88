// GrpcRoster: the Roster of a server somewhere else. As GrpcAdmin; and sign_in(), for who has no
// token yet. Every function may be called from any thread.
#pragma once

#include <memory>

#include "client/channel_config.h"
#include "core/roster.h"

namespace outboard::client {

class GrpcRoster final : public Roster {
 public:
  // Connects when first asked. The token may be empty for sign_in() alone.
  static Result<std::unique_ptr<GrpcRoster>> open(const ChannelConfig& config);
  ~GrpcRoster() override;
  GrpcRoster(const GrpcRoster&) = delete;
  GrpcRoster& operator=(const GrpcRoster&) = delete;

  Result<User> create_service(const Call& call, std::string_view organisation,
                              std::string_view name) override;
  Result<std::vector<User>> services(const Call& call, std::string_view organisation) override;
  Result<Group> create_group(const Call& call, std::string_view organisation,
                             std::string_view name) override;
  Status remove_group(const Call& call, std::string_view organisation,
                      std::string_view name) override;
  Result<std::vector<Group>> groups(const Call& call, std::string_view organisation) override;
  Status add_member(const Call& call, std::string_view organisation, std::string_view group,
                    std::string_view principal) override;
  Status remove_member(const Call& call, std::string_view organisation, std::string_view group,
                       std::string_view principal) override;
  Result<StandingGrant> give(const Call& call, const StandingGrant& grant) override;
  Status withdraw(const Call& call, std::string_view organisation, std::uint64_t id) override;
  Result<std::vector<StandingGrant>> grants(const Call& call,
                                            std::string_view organisation) override;
  Result<Departure> remove_user(const Call& call, std::string_view organisation,
                                std::string_view name, Fate fate, std::string_view heir) override;
  Result<Departure> remove_organisation(const Call& call, std::string_view name,
                                        std::string_view code) override;

  // A token for the person of whom an OIDC ID token speaks. unauthenticated: it is not good here.
  Result<MintedToken> sign_in(const Call& call, const std::string& id_token);

 private:
  struct Parts;
  explicit GrpcRoster(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::client
