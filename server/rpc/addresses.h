// Where a server may listen. Pure but for PEM files: main asks before it makes a database. What a
// socket alone can say (a port that is taken), RpcServer::start says.
#pragma once

#include <string>

#include "core/result.h"
#include "server/rpc/rpc_server.h"

namespace outboard::server {

// invalid: an address that is none, TCP beyond loopback without TLS, half a TLS configuration, or a
// PEM file that cannot be read.
Status check_address(const std::string& address, const RpcConfig& config);
// All that it would listen on.
Status check_addresses(const RpcConfig& config);

// Whether a TCP address of it is spoken to over TLS.
bool has_tls(const RpcConfig& config);

}  // namespace outboard::server
