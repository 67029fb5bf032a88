// HarnessConfig: what the command line of outboard-harness says, checked.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "core/log.h"
#include "program/command_line.h"

namespace outboard::harness {

struct HarnessConfig {
  std::string server;      // "unix:/path" or "host:port"
  std::string token_file;  // never the token itself: arguments are public
  program::ClientTls tls;
  std::vector<std::string> listen;
  std::string sandboxes;  // directory of them, absolute
  std::string programs;   // where the sandbox's programs are; empty: beside this one
  std::string skills;     // volumes; empty: none
  std::string memory;
  std::string model;  // empty: Anthropic's, when there is a key
  std::string anthropic_key_file;
  std::string anthropic_url;
  std::string anthropic_ca_file;
  bool scenarios = true;
  std::vector<std::string> approve;  // tools whose calls wait for a person
  std::size_t slots = 16;
  std::string worker;  // empty: made from host and process
  std::chrono::seconds drain{10};
  int ready_fd = -1;  // -1: nobody waits
  LogOptions log;
};

using CommandLine = program::CommandLine<HarnessConfig>;
CommandLine read_command_line(int argc, const char* const* argv);

}  // namespace outboard::harness
