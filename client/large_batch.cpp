#include "client/large_batch.h"

#include <algorithm>

#include "core/limits.h"
#include "proto/convert_batch.h"

namespace outboard::client {
namespace {

using Writer = grpc::ClientWriter<v1::ApplyStreamRequest>;

// Each returns false when the stream is broken; its status says why.

bool send_header(Writer& writer, VolumeId volume, const Batch& batch) {
  v1::ApplyStreamRequest message;
  auto* header = message.mutable_header();
  header->set_volume(volume.value);
  wire::write(batch.request, header->mutable_request());
  header->set_acknowledged(batch.acknowledged);
  header->set_written_unix_ns(batch.written.nanoseconds);
  header->set_steps(static_cast<std::uint32_t>(batch.steps.size()));
  std::uint64_t bytes = 0;
  for (const std::string_view body : wire::bodies_of(batch)) bytes += body.size();
  header->set_bytes(bytes);
  return writer.Write(message);
}

bool send_steps(Writer& writer, const Batch& batch) {
  v1::ApplyStreamRequest message;
  std::size_t bytes = 0;
  for (const Step& step : batch.steps) {
    auto* to = message.mutable_steps()->add_steps();
    wire::write(step, wire::Bodies::announced, to);
    bytes += to->ByteSizeLong();
    if (bytes < kPartBytes) continue;
    if (!writer.Write(message)) return false;
    message.Clear();
    bytes = 0;
  }
  return bytes == 0 || writer.Write(message);
}

// Full parts, whatever the bodies' sizes.
bool send_bodies(Writer& writer, const Batch& batch) {
  v1::ApplyStreamRequest message;
  std::string& part = *message.mutable_part();
  for (std::string_view body : wire::bodies_of(batch)) {
    while (!body.empty()) {
      const std::size_t size = std::min(body.size(), kPartBytes - part.size());
      part.append(body.substr(0, size));
      body.remove_prefix(size);
      if (part.size() < kPartBytes) continue;
      if (!writer.Write(message)) return false;
      part.clear();
    }
  }
  return part.empty() || writer.Write(message);
}

}  // namespace

grpc::Status send_in_parts(v1::StoreService::Stub& stub, grpc::ClientContext& context,
                           VolumeId volume, const Batch& batch, v1::ApplyResponse* response) {
  const auto writer = stub.ApplyStream(&context, response);
  const bool sent = send_header(*writer, volume, batch) && send_steps(*writer, batch) &&
                    send_bodies(*writer, batch);
  if (sent) writer->WritesDone();
  return writer->Finish();
}

}  // namespace outboard::client
