// Context: what every command is given beside its own options: the server, the screen, the clock,
// and where the organisation and the volumes are when nobody names them.
//
// Built once by run() in command_line.cpp; used by one thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "cli/screen.h"
#include "cli/server.h"
#include "core/clock.h"

namespace outboard::cli {

class Context {
 public:
  struct Settings {
    std::string organisation;  // from --org or OUTBOARD_ORG; empty: look for it
    std::string address;       // of the server, for messages
    std::chrono::milliseconds timeout{};
    bool json = false;
    std::function<std::optional<std::string>(const char*)> variable{};  // of the environment
  };

  Context(Server& server, Screen& screen, Clock& clock, std::istream& in, Settings settings)
      : server_(server), screen_(screen), clock_(clock), in_(in), settings_(std::move(settings)) {}

  Result<Store*> store() { return server_.store(); }
  Result<Admin*> admin() { return server_.admin(); }
  Result<Revisions*> revisions() { return server_.revisions(); }
  Result<client::Agent*> agent() { return server_.agent(); }
  Result<Roster*> roster() { return server_.roster(); }
  Server& server() { return server_; }
  Screen& screen() { return screen_; }
  std::istream& in() { return in_; }
  const Clock& clock() const { return clock_; }
  bool json() const { return settings_.json; }
  const std::string& address() const { return settings_.address; }
  std::optional<std::string> variable(const char* name) const {
    return settings_.variable ? settings_.variable(name) : std::nullopt;
  }

  // A call that starts now and has --timeout to answer.
  Call call() const { return Call::until(clock_.now() + settings_.timeout); }

  std::chrono::milliseconds timeout() const { return settings_.timeout; }

  // The next batch's number, and the mark below which no answer is awaited. Batches are sent one
  // after the other. REQUIRES: store() has answered.
  void name(Batch& batch);

  // The named one, or --org, or OUTBOARD_ORG, or the only one that the token administers.
  Result<std::string> organisation(std::string_view named = {});

  // `named`, or `<organisation>/<standard>`: ("", "skills") → "acme/skills".
  Result<Volume> open_volume(std::string_view named, std::string_view standard);

 private:
  Server& server_;
  Screen& screen_;
  Clock& clock_;
  std::istream& in_;
  const Settings settings_;
  std::uint64_t number_ = 0;
};

}  // namespace outboard::cli
