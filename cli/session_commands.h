// session run|attach|list|show|send|interrupt|approve: an agent's sessions, through a harness.
#pragma once

#include <cstdint>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct RunOptions {
  std::string message;  // "-": standard input
  std::string model;    // "anthropic:NAME", "scripted:FILE"; empty: the harness's own
  std::string session;  // goes on in it; empty: a new one
  bool full = false;
};
// Says it and shows what happens until the session waits for a person. An Error: it failed.
Status run_session(Context& context, const RunOptions& options);

// `session`: its id or the beginning of one.
Status attach_session(Context& context, const std::string& session, bool full);
Status send_message(Context& context, const std::string& session, const std::string& message);
Status interrupt_session(Context& context, const std::string& session);

struct ApproveOptions {
  std::string session;
  std::string op;  // a call's id or the beginning of one; empty: the only one that waits
  bool allow = false;
  bool deny = false;
  std::string message;
};
Status approve_call(Context& context, const ApproveOptions& options);

struct FindOptions {
  std::string state;
  std::uint32_t limit = 20;
};
Status list_sessions(Context& context, const FindOptions& options);
Status show_session(Context& context, const std::string& session, bool full);

}  // namespace outboard::cli
