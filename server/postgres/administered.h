// Who may administer what: asked by PgAdmin and PgRoster before they do anything.
#pragma once

#include <string_view>

#include "core/call.h"
#include "core/result.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

// Of a token that says admin, or of the server itself.
bool may_administer(const Caller& caller);
Error only_admins();
Error no_organisation(std::string_view name);

// The organisation's number, when the caller may administer it. no_access, not_found.
Result<std::uint64_t> administered(ConnectionPool& pool, const Call& call,
                                   std::string_view organisation);

}  // namespace outboard::server
