// PgRoster: core/roster.h over Postgres. What takes a right away wakes every server by a trigger of
// the schema. Any thread may call.
#pragma once

#include "core/roster.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgRoster final : public Roster {
 public:
  explicit PgRoster(ConnectionPool& pool) : pool_(pool) {}

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

 private:
  // Rows of volumes that are gone, a piece at a time until the deadline; what is left then goes
  // with the next departure.
  void sweep(const Call& call);

  ConnectionPool& pool_;
};

}  // namespace outboard::server
