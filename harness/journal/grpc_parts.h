// What GrpcJournal's files share: its channel and stubs. For this room's gRPC files only.
#pragma once

#include <grpcpp/client_context.h>

#include "client/channel.h"
#include "harness/journal/grpc_journal.h"
#include "outboard/v1/blob.grpc.pb.h"
#include "outboard/v1/journal.grpc.pb.h"

namespace outboard::harness {

struct GrpcJournal::Parts {
  explicit Parts(std::unique_ptr<client::Channel> opened)
      : channel(std::move(opened)),
        journal(v1::JournalService::NewStub(channel->channel())),
        blobs(v1::BlobService::NewStub(channel->channel())) {}

  std::unique_ptr<client::Channel> channel;
  std::unique_ptr<v1::JournalService::Stub> journal;
  std::unique_ptr<v1::BlobService::Stub> blobs;
};

}  // namespace outboard::harness
