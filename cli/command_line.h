// The command line: words in, an exit code out. What each verb is called and takes is said here and
// in the verbs_*.cpp files; what it does is in the *_commands.
//
// main.cpp calls run() with the real surroundings, the tests with their own.
#pragma once

#include <functional>
#include <iosfwd>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/remote_server.h"
#include "cli/screen.h"
#include "cli/server.h"
#include "core/clock.h"

namespace CLI {
class App;
}

namespace outboard::cli {

// What a command finds around it.
struct Surroundings {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  ScreenConfig screen;
  Clock& clock;
  std::function<std::optional<std::string>(const char*)> variable;  // of the environment
  std::function<std::unique_ptr<Server>(RemoteAddress)> connect;
};

// `words` without the program's own name. Returns the exit code (failure.h).
int run(std::vector<std::string> words, const Surroundings& surroundings);

// The verb that was chosen, once parsing is done; nothing for those that need no server.
class Context;
using Command = std::function<Status(Context&)>;

void add_admin_verbs(CLI::App& app, Command& chosen, bool& json);
void add_audit_verbs(CLI::App& app, Command& chosen, bool& json);
void add_mount_verbs(CLI::App& app, Command& chosen, bool& json);
void add_exchange_verbs(CLI::App& app, Command& chosen, bool& json);
// To verbs that add_admin_verbs() has made, too: user, org, token.
void add_access_verbs(CLI::App& app, Command& chosen, bool& json);
void add_file_verbs(CLI::App& app, Command& chosen, bool& json);
// Those of `skills` that speak of revisions.
void add_revision_verbs(CLI::App* skills, Command& chosen, bool& json);
void add_past_verbs(CLI::App& app, Command& chosen, bool& json);
void add_session_verbs(CLI::App& app, Command& chosen, bool& json);

}  // namespace outboard::cli
