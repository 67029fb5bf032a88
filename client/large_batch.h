// A batch too large for one message, sent in parts: header, steps with announced bodies, bytes.
#pragma once

#include "core/op.h"
#include "outboard/v1/store.grpc.pb.h"

namespace outboard::client {

// One try; blocks until the server's answer. Holds one part in memory beside the batch.
grpc::Status send_in_parts(v1::StoreService::Stub& stub, grpc::ClientContext& context,
                           VolumeId volume, const Batch& batch, v1::ApplyResponse* response);

}  // namespace outboard::client
