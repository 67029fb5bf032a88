// PgBlobs: Blobs in Postgres, as rows of kBlobChunkBytes. A blob is found only once it is whole.
//
// Any thread may call.
#pragma once

#include "server/blobs.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgBlobs final : public Blobs {
 public:
  explicit PgBlobs(ConnectionPool& pool) : pool_(pool) {}

  Result<BlobArrival> begin(const Call& call, const BlobHeader& header) override;
  Status put_chunk(const Call& call, const BlobArrival& arrival, std::uint32_t chunk,
                   std::string_view bytes) override;
  Result<bool> finish(const Call& call, const BlobArrival& arrival, const Sha256& digest,
                      std::uint64_t size) override;
  Result<BlobPlace> find(const Call& call, const Sha256& digest) override;
  Result<std::string> chunk(const Call& call, const BlobPlace& place, std::uint32_t chunk) override;
  Result<std::vector<bool>> has(const Call& call, const std::vector<Sha256>& digests) override;

 private:
  ConnectionPool& pool_;
};

}  // namespace outboard::server
