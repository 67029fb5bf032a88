// Blobs: big immutable bytes beside the journal, named by their SHA-256.
//
// Runner → Blobs ← MemoryBlobs (tests), GrpcBlobs (BlobService). Any thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "core/clock.h"
#include "core/digest.h"
#include "core/guarded.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::harness {

class Blobs {
 public:
  virtual ~Blobs() = default;
  // Durable when it answers. The same bytes are kept once. no_space: a quota; too_big: one blob.
  virtual Result<Sha256> put(SessionId session, std::string_view bytes, Moment deadline) = 0;
  // not_found: none in the caller's organisation. corrupt: not the bytes of that digest.
  virtual Result<std::string> get(const Sha256& digest, Moment deadline) = 0;
};

class MemoryBlobs final : public Blobs {
 public:
  Result<Sha256> put(SessionId session, std::string_view bytes, Moment deadline) override;
  Result<std::string> get(const Sha256& digest, Moment deadline) override;

 private:
  Guarded<std::map<Sha256, std::string>> blobs_;
};

}  // namespace outboard::harness
