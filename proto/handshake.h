// The handshake: what this program can do on the wire, and whether the other side can do enough.
//
// Capabilities are words. Unknown ones are ignored, so that either side may be newer; a missing one
// that is needed ends the connection with a clear error. Pure; any thread.
#pragma once

#include <string_view>

#include "core/result.h"
#include "outboard/v1/store.pb.h"

namespace outboard::wire {

inline constexpr std::uint32_t kProtocol = 1;

// A server's answer: the limits of core/limits.h and what it can do.
void write_handshake(std::string_view server_version, v1::HandshakeResponse* to);
// A client's question.
void write_handshake(std::string_view client_version, v1::HandshakeRequest* to);

// unsupported: the server lacks something that this client needs.
Status check_handshake(const v1::HandshakeResponse& from);

}  // namespace outboard::wire
