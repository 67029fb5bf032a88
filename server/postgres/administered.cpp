#include "server/postgres/administered.h"

#include <string>

#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

constexpr Sql kOrganisation{"admin_organisation",
                            "SELECT id FROM organisations WHERE name = $1::text"};

}  // namespace

bool may_administer(const Caller& caller) {
  return caller.admin || caller.token == 0;
}

Error only_admins() {
  return Error{Code::no_access, "this needs an administrator's token: ask yours for one"};
}

Error no_organisation(std::string_view name) {
  return Error{Code::not_found, "there is no organisation \"" + std::string(name) + "\"",
               std::string(name)};
}

Result<std::uint64_t> administered(ConnectionPool& pool, const Call& call,
                                   std::string_view organisation) {
  if (!may_administer(call.caller)) return only_admins();
  if (!is_text(organisation)) return no_organisation(organisation);
  auto rows = pool.run(kOrganisation, Params().bytes(organisation), call.deadline);
  if (!rows) return rows.error();
  if (rows->empty()) return no_organisation(organisation);
  const std::uint64_t id = rows->count(0, 0);
  if (call.caller.organisation != 0 && call.caller.organisation != id) {
    return no_organisation(organisation);
  }
  return id;
}

}  // namespace outboard::server
