// Endpoints: what an address is, and which may be spoken to without TLS. For both ends of the wire.
//
// "unix:/path" or "host:port". Pure but for pem_file(); any thread.
#pragma once

#include <string>
#include <string_view>

#include "core/result.h"

namespace outboard::wire {

bool is_unix(std::string_view address);

// "localhost", 127.0.0.0/8 or [::1], with a port. A name that only begins with "127." is none.
bool is_loopback(std::string_view address);

// The content of a PEM file. invalid: it cannot be read, or is empty.
Result<std::string> pem_file(const std::string& path);

}  // namespace outboard::wire
