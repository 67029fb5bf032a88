// ChannelConfig: where a server is and how to show it who one is.
#pragma once

#include <chrono>
#include <functional>
#include <string>

#include "core/ids.h"

namespace outboard::client {

struct ChannelConfig {
  // "unix:/path", or "host:port"; TCP to anything but loopback needs tls_ca_file.
  std::string address;
  // Asked anew for each call and each stream, so that a renewed token is used at once. From any
  // thread. Empty answer: no token is sent.
  std::function<std::string()> token;
  // PEM; empty: no TLS. The other two are this client's own, for servers with mutual TLS.
  std::string tls_ca_file;
  std::string tls_certificate_file;
  std::string tls_key_file;
  // Whose requests, changes and locks these are; none: a new client's. For who goes on where
  // another process has ended.
  ClientId client = {};
};

}  // namespace outboard::client
