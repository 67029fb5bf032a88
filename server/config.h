// ServerConfig: what the command line of outboard-server says, checked.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/log.h"
#include "program/command_line.h"
#include "server/rates.h"
#include "server/sign_in.h"

namespace outboard::server {

struct ServerConfig {
  std::string data_dir;      // of the embedded Postgres; empty with a database_url
  std::string database_url;  // of a Postgres of one's own
  std::string run_as;        // user for the embedded Postgres; empty: chosen
  std::vector<std::string> listen;
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::string tls_client_ca_file;
  RateLimits rates;             // of each principal
  SignInConfig sign_in;         // issuer empty: nobody signs in
  std::string site_token_file;  // empty: none is written
  int ready_fd = -1;            // -1: nobody waits
  std::size_t connections = 16;
  std::size_t workers = 64;
  std::chrono::seconds drain{10};
  std::string metrics;  // where figures are shown; empty: nowhere
  LogOptions log;
};

using CommandLine = program::CommandLine<ServerConfig>;
CommandLine read_command_line(int argc, const char* const* argv);

}  // namespace outboard::server
