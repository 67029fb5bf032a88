// Chunks: contents over kInlineBytesMax as rows of pieces, each good for a range of versions.
//
// A small write retires and writes only the chunks that it touches; an append adds a piece to the
// last chunk until kChunkPiecesMax, then joins them; holes are chunks that are not there.
#pragma once

#include <string>

#include "core/working_set.h"
#include "server/postgres/connection.h"

namespace outboard::server {

// Bytes [offset, offset + size) of a chunked version that has `whole` bytes.
Result<std::string> read_chunks(Connection& connection, VolumeId volume, Inode inode,
                                Version version, std::uint64_t whole, std::uint64_t offset,
                                std::uint64_t size, Moment deadline);

// Stores what an edit of `set` means for chunks, within the transaction that is open on
// `connection`: its pieces, or, of a file that became small enough to be kept inline, the end of
// those it had (REQUIRES: it has bytes only if it leaves chunks). Edits of one file are stored in
// the order they were made.
Status write_chunks(Connection& connection, WorkingSet& set, const ContentEdit& edit,
                    Moment deadline);

}  // namespace outboard::server
