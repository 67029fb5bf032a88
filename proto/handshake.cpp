#include "proto/handshake.h"

#include <algorithm>
#include <array>
#include <string>

#include "core/limits.h"

namespace outboard::wire {
namespace {

// What a client of this build needs, and both sides of it can do.
constexpr std::array<std::string_view, 4> kNeeded = {"apply-stream", "read-many", "snapshot",
                                                     "watch"};
// What both sides of this build can do besides: without it a client is refused one thing, not all.
constexpr std::array<std::string_view, 2> kBesides = {"past", "search"};

Error too_old(const v1::HandshakeResponse& from, std::string lack) {
  Error error;
  error.code = Code::unsupported;
  error.message = "the server (version " + from.server_version() + ") lacks " + std::move(lack) +
                  ", which this program needs; upgrade the server, or use an older program";
  return error;
}

}  // namespace

void write_handshake(std::string_view server_version, v1::HandshakeResponse* to) {
  to->set_protocol(kProtocol);
  to->set_server_version(std::string(server_version));
  for (const std::string_view capability : kNeeded) to->add_capabilities(std::string(capability));
  for (const std::string_view capability : kBesides) to->add_capabilities(std::string(capability));
  to->set_message_bytes_max(kMessageBytesMax);
  to->set_part_bytes_max(kPartBytes);
  to->set_read_bytes_max(kReadBytesMax);
  to->set_page_entries_max(kPageEntriesMax);
  to->set_read_many_max(kReadManyMax);
  to->set_batch_steps_max(kBatchStepsMax);
  to->set_batch_bytes_max(kBatchBytesMax);
  to->set_answer_bytes_max(kAnswerBytesMax);
}

void write_handshake(std::string_view client_version, v1::HandshakeRequest* to) {
  to->set_protocol(kProtocol);
  to->set_client_version(std::string(client_version));
  for (const std::string_view capability : kNeeded) to->add_capabilities(std::string(capability));
  for (const std::string_view capability : kBesides) to->add_capabilities(std::string(capability));
}

Status check_handshake(const v1::HandshakeResponse& from) {
  if (from.protocol() < kProtocol) {
    return too_old(from, "protocol " + std::to_string(kProtocol));
  }
  for (const std::string_view needed : kNeeded) {
    const auto& offered = from.capabilities();
    if (std::find(offered.begin(), offered.end(), needed) == offered.end()) {
      return too_old(from, "the capability " + std::string(needed));
    }
  }
  return success();
}

}  // namespace outboard::wire
