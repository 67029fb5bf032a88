#include "harness/journal/blobs.h"

namespace outboard::harness {

Result<Sha256> MemoryBlobs::put(SessionId, std::string_view bytes, Moment) {
  const Sha256 digest = sha256(bytes);
  blobs_.with([&](auto& blobs) { blobs.try_emplace(digest, bytes); });
  return digest;
}

Result<std::string> MemoryBlobs::get(const Sha256& digest, Moment) {
  return blobs_.with([&](auto& blobs) -> Result<std::string> {
    const auto found = blobs.find(digest);
    if (found == blobs.end()) {
      return Error{Code::not_found, "there is no blob " + to_string(digest)};
    }
    return found->second;
  });
}

}  // namespace outboard::harness
