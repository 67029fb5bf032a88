#include "core/store.h"

namespace outboard {

Result<At<std::vector<std::vector<std::string>>>> Store::paths(const Call&, VolumeId,
                                                               const std::vector<Inode>&,
                                                               const ReadAt&) {
  return Error{Code::unsupported,
               "this store does not say where a node stands: ask the server's own"};
}

Status Store::settle(const Call&, VolumeId, Seq) {
  return Error{Code::unsupported, "this store does not say how far other mounts have come"};
}

}  // namespace outboard
