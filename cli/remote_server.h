// RemoteServer: a Server somewhere else, connected to when first used.
//
// Built by main.cpp; used by one thread.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "cli/server.h"

namespace outboard::cli {

struct RemoteAddress {
  std::string server;                // "unix:/path" or "host:port"
  std::string harness;               // the same, for sessions
  std::string token;                 // the secret itself; empty: none is sent
  std::string tls_ca_file;           // PEM; empty: no TLS
  std::string tls_certificate_file;  // this command's own, and its key; empty: none is shown
  std::string tls_key_file;
  std::chrono::milliseconds timeout{};
};

std::unique_ptr<Server> remote_server(RemoteAddress address);

}  // namespace outboard::cli
