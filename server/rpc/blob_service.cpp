#include "server/rpc/blob_service.h"

#include <algorithm>

#include "core/running_sha256.h"
#include "proto/convert.h"
#include "server/journal_limits.h"
#include "server/rpc/produced.h"

namespace outboard::server {
namespace {

using wire::Faults;

// Reads one message at a time and keeps less than a chunk beside it; between a StartRead and its
// OnReadDone nobody else touches this, so it needs no lock. Finish is called exactly once, with no
// read under way.
class ArrivingBlob final : public grpc::ServerReadReactor<v1::PutBlobRequest> {
 public:
  ArrivingBlob(Desk& desk, Blobs& blobs, grpc::CallbackServerContext* context,
               v1::PutBlobResponse* response)
      : desk_(desk), blobs_(blobs), context_(context), response_(response) {
    StartRead(&message_);
  }

  void OnReadDone(bool ok) override {
    const bool taken = desk_.workers.post([this, ok] {
      const Status done = ok ? (begun_ ? take() : begin()) : arrived();
      if (!done) return Finish(wire::to_status(done.error()));
      if (!ok || arrival_.existed) return Finish(grpc::Status());
      StartRead(&message_);
    });
    if (!taken) Finish(wire::to_status(too_busy()));
  }

  void OnDone() override { delete this; }

 private:
  Call call() const { return {deadline_of(context_->deadline(), kCallDeadlineMax), caller_}; }

  Status begin() {
    auto asked = admitted(desk_, *context_, call().deadline);
    if (!asked) return asked.error();
    caller_ = std::move(asked->caller);
    if (!message_.has_header()) {
      return Error{Code::invalid, "the first message must be the header"};
    }
    const auto& from = message_.header();
    Faults faults;
    header_ = {from.size(), wire::read_digest("sha256", from.sha256(), faults), from.media_type(),
               SessionId{wire::read_uuid("session", from.session(), faults)}};
    if (faults) return faults.error();
    auto arrival = blobs_.begin(call(), header_);
    if (!arrival) return arrival.error();
    arrival_ = *arrival;
    begun_ = true;
    if (arrival_.existed) answer(*header_.digest, true);
    return success();
  }

  Status take() {
    if (message_.part_case() != v1::PutBlobRequest::kBytes) {
      return Error{Code::invalid, "behind the header come bytes, and nothing else"};
    }
    const std::string& part = message_.bytes();
    if (part.size() > header_.size - size_) {
      return Error{Code::invalid,
                   "more bytes than the " + std::to_string(header_.size) + " of the header"};
    }
    size_ += part.size();
    digest_.add(part);
    pending_ += part;
    return put(kBlobChunkBytes);
  }

  // Stores whole chunks of what has come; at the end, with `least` 1, the last one.
  Status put(std::size_t least) {
    std::size_t from = 0;
    while (pending_.size() - from >= least) {
      const std::string_view chunk = std::string_view(pending_).substr(from, kBlobChunkBytes);
      if (auto done = blobs_.put_chunk(call(), arrival_, chunks_, chunk); !done) return done;
      ++chunks_;
      from += chunk.size();
    }
    pending_.erase(0, from);
    return success();
  }

  Status arrived() {
    if (context_->IsCancelled()) return Error{Code::unavailable, "the sender has gone"};
    if (!begun_) return Error{Code::invalid, "the first message must be the header"};
    if (size_ != header_.size) {
      return Error{Code::invalid, std::to_string(size_) + " bytes of the header's " +
                                      std::to_string(header_.size) + " have come"};
    }
    const Sha256 digest = digest_.finish();
    if (header_.digest && *header_.digest != digest) {
      return Error{Code::corrupt, "the bytes have the digest " + to_string(digest) +
                                      ", not the header's; send them again"};
    }
    if (auto done = put(1); !done) return done;
    auto existed = blobs_.finish(call(), arrival_, digest, size_);
    if (!existed) return existed.error();
    answer(digest, *existed);
    return success();
  }

  void answer(const Sha256& digest, bool existed) {
    response_->set_sha256(wire::write_digest(digest));
    response_->set_existed(existed);
  }

  Desk& desk_;
  Blobs& blobs_;
  grpc::CallbackServerContext* const context_;
  v1::PutBlobResponse* const response_;
  v1::PutBlobRequest message_;
  Caller caller_;
  BlobHeader header_;
  BlobArrival arrival_;
  bool begun_ = false;
  std::uint64_t size_ = 0;  // that came
  std::uint32_t chunks_ = 0;
  std::string pending_;  // of them, not yet stored
  RunningSha256 digest_;
};

}  // namespace

grpc::ServerReadReactor<v1::PutBlobRequest>* BlobService::PutBlob(Context* context,
                                                                  v1::PutBlobResponse* response) {
  return new ArrivingBlob(desk_, blobs_, context, response);  // deletes itself in OnDone
}

grpc::ServerWriteReactor<v1::GetBlobResponse>* BlobService::GetBlob(
    Context* context, const v1::GetBlobRequest* request) {
  using Parts = PartStream<v1::GetBlobResponse>;
  const auto body = [this, request](const Call& call, Parts& parts) -> Status {
    Faults faults;
    const auto digest = wire::read_digest("sha256", request->sha256(), faults);
    if (!digest) faults.broken("sha256", "must be a digest of 32 bytes");
    if (faults) return faults.error();
    auto place = blobs_.find(call, *digest);
    if (!place) return place.error();
    const std::uint64_t begin = std::min(request->offset(), place->size);
    const std::uint64_t most = place->size - begin;
    std::uint64_t left = request->size() == 0 ? most : std::min(request->size(), most);
    v1::GetBlobResponse part;
    part.set_total_size(place->size);
    for (std::uint64_t at = begin; left > 0;) {
      const auto number = static_cast<std::uint32_t>(at / kBlobChunkBytes);
      auto chunk = blobs_.chunk(call, *place, number);
      if (!chunk) return chunk.error();
      const std::size_t skip = at % kBlobChunkBytes;
      if (chunk->size() <= skip) return Error{Code::corrupt, "a chunk of the blob is too short"};
      part.set_bytes(chunk->substr(skip, left));
      at += part.bytes().size();
      left -= part.bytes().size();
      if (!parts.send(std::exchange(part, {}))) return reader_gone();
    }
    if (most == 0 && !parts.send(std::move(part))) return reader_gone();
    return success();
  };
  return produced<v1::GetBlobResponse>(desk_, context, body);
}

grpc::ServerUnaryReactor* BlobService::HasBlobs(Context* context,
                                                const v1::HasBlobsRequest* request,
                                                v1::HasBlobsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    if (static_cast<std::size_t>(request->sha256_size()) > kHasBlobsMax) {
      return Error{Code::invalid, std::to_string(request->sha256_size()) + " digests; at most " +
                                      std::to_string(kHasBlobsMax) + ": ask in several"};
    }
    Faults faults;
    std::vector<Sha256> digests;
    for (const std::string& bytes : request->sha256()) {
      digests.push_back(wire::read_digest("sha256", bytes, faults).value_or(Sha256{}));
    }
    if (faults) return faults.error();
    auto present = blobs_.has(call, digests);
    if (!present) return present.error();
    for (const bool one : *present) response->add_present(one);
    return success();
  });
}

}  // namespace outboard::server
