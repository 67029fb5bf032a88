// Where a server listens and what it shows: addresses and credentials.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "core/result.h"
#include "server/rpc/rpc_server.h"

namespace outboard::server {

// "host:0" with the port that the system gave.
std::string with_port(const std::string& address, int port);

// Of a unix socket that is listened on: whoever may enter its directory may connect, whatever this
// process's umask. Who they are, each call's token says; a mount daemon has no rights by which it
// could pass a closed one. [S60]
void open_to_all_users(const std::string& address);

// Errors: as check_address().
Result<std::shared_ptr<grpc::ServerCredentials>> credentials_for(const std::string& address,
                                                                 const RpcConfig& config);

}  // namespace outboard::server
