// GroupRows: a WorkingSet's differences as set-based statements, for one round trip. Pure.
#pragma once

#include <vector>

#include "core/working_set.h"
#include "server/postgres/connection.h"

namespace outboard::server {

// Names (deletes, then moved subtrees, then the rest with their paths), nodes, versions, changes
// and the volume's row. Chunks are not among them: write_chunks() goes first.
Result<std::vector<Request>> rows_of(WorkingSet& set);

}  // namespace outboard::server
