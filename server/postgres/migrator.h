// Migrator: brings the schema `outboard` up to what this program was built with, forward only.
//
// Several servers may start at once: an advisory lock lets one migrate and the rest wait. Each
// migration is one transaction and is recorded with the checksum of its text.
#pragma once

#include "server/postgres/connection.h"
#include "server/schema/schema.h"

namespace outboard::server {

// unsupported: the schema is newer than this program, or a migration has changed since it ran.
Status migrate(Connection& connection, const std::vector<Migration>& all, Moment deadline);

}  // namespace outboard::server
