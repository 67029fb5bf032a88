// Blobs: big immutable bytes beside the journal, kept once in each organisation by their SHA-256.
//
// Place in the flow: server/rpc/blob_service → Blobs ← PgBlobs.
//
// What always holds: a blob is seen by whoever may see one of its sessions; a sandbox's token sees
// its own session's. Knowing a digest opens nothing: bytes that the caller cannot see must be sent.
//
// Any thread. Every function blocks until its answer or the call's deadline.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/call.h"
#include "core/digest.h"
#include "core/result.h"

namespace outboard::server {

struct BlobHeader {
  std::uint64_t size = 0;
  std::optional<Sha256> digest;
  std::string media_type;
  SessionId session;  // nil: the token's own
};

// A blob on its way in.
struct BlobArrival {
  std::uint64_t id = 0;
  SessionId session;
  bool existed = false;  // the caller sees these bytes already: send nothing
};

struct BlobPlace {
  std::uint64_t id = 0;
  std::uint64_t size = 0;
};

class Blobs {
 public:
  virtual ~Blobs() = default;

  // too_big; invalid: no session.
  virtual Result<BlobArrival> begin(const Call& call, const BlobHeader& header) = 0;
  // Chunks from 0 on, each of kBlobChunkBytes, the last maybe shorter.
  virtual Status put_chunk(const Call& call, const BlobArrival& arrival, std::uint32_t chunk,
                           std::string_view bytes) = 0;
  // Makes it readable. True: the organisation had the same bytes.
  virtual Result<bool> finish(const Call& call, const BlobArrival& arrival, const Sha256& digest,
                              std::uint64_t size) = 0;

  virtual Result<BlobPlace> find(const Call& call, const Sha256& digest) = 0;
  virtual Result<std::string> chunk(const Call& call, const BlobPlace& place,
                                    std::uint32_t chunk) = 0;
  // In the order asked.
  virtual Result<std::vector<bool>> has(const Call& call, const std::vector<Sha256>& digests) = 0;
};

}  // namespace outboard::server
