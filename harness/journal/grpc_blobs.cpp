// GrpcJournal's blobs: sent and fetched in parts.
#include <algorithm>

#include "core/limits.h"
#include "harness/journal/grpc_parts.h"
#include "harness/journal/journal_words.h"

namespace outboard::harness {

Result<Sha256> GrpcJournal::put(SessionId session, std::string_view bytes, Moment deadline) {
  const Sha256 digest = sha256(bytes);
  v1::PutBlobResponse response;
  auto asked = client::ask(*parts_->channel, deadline, client::Again::yes,
                           [&](grpc::ClientContext& context) {
                             const auto stream = parts_->blobs->PutBlob(&context, &response);
                             v1::PutBlobRequest part;
                             part.mutable_header()->set_size(bytes.size());
                             part.mutable_header()->set_sha256(wire::write_digest(digest));
                             part.mutable_header()->set_session(wire::write_uuid(session.uuid));
                             bool open = stream->Write(part);
                             for (std::size_t at = 0; open && at < bytes.size(); at += kPartBytes) {
                               part.set_bytes(std::string(bytes.substr(at, kPartBytes)));
                               open = stream->Write(part);
                             }
                             stream->WritesDone();
                             return stream->Finish();
                           });
  if (!asked) return std::move(asked).error();
  return digest;
}

Result<std::string> GrpcJournal::get(const Sha256& digest, Moment deadline) {
  v1::GetBlobRequest request;
  request.set_sha256(wire::write_digest(digest));
  std::string bytes;
  auto asked = client::ask(*parts_->channel, deadline, client::Again::yes,
                           [&](grpc::ClientContext& context) {
                             bytes.clear();
                             const auto stream = parts_->blobs->GetBlob(&context, request);
                             v1::GetBlobResponse part;
                             while (stream->Read(&part)) bytes += part.bytes();
                             return stream->Finish();
                           });
  if (!asked) return std::move(asked).error();
  if (sha256(bytes) != digest) {
    return Error{Code::corrupt, "blob " + to_string(digest) + " came with other bytes"};
  }
  return bytes;
}

}  // namespace outboard::harness
