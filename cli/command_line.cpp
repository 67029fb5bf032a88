#include "cli/command_line.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <ostream>
#include <sstream>

#include "cli/amounts.h"
#include "cli/context.h"
#include "cli/failure.h"
#include "cli/local_files.h"
#include "cli/secret_input.h"
#include "cli/status_command.h"

namespace outboard::cli {
namespace {

constexpr const char* kFooter =
    "Exit codes: 0 done, 1 refused, by the server or here (a value that will not do), 2 no such\n"
    "verb or option, 3 the server cannot be reached.\n"
    "Colours only on a terminal; NO_COLOR turns them off.\n"
    "`outboard VERB --help` shows each verb's options and an example.";

struct Globals {
  std::string server;
  std::string harness;
  std::string token_file;
  std::string organisation;
  std::string ca_file;
  std::string certificate_file;
  std::string key_file;
  std::string timeout = "60s";
  bool json = false;
};

void add_globals(CLI::App& app, Globals& globals) {
  const char* group = "Options for every verb";
  app.add_option("--server", globals.server,
                 "Where the server is: unix:/path or host:port (OUTBOARD_SERVER)")
      ->group(group);
  app.add_option("--harness", globals.harness,
                 "Where a harness is, for sessions: unix:/path or host:port (OUTBOARD_HARNESS)")
      ->group(group);
  app.add_option("--token-file", globals.token_file,
                 "File that holds the token (OUTBOARD_TOKEN_FILE; OUTBOARD_TOKEN is the token "
                 "itself)")
      ->group(group);
  app.add_option("--org", globals.organisation,
                 "Organisation whose volumes are meant (OUTBOARD_ORG)")
      ->group(group);
  app.add_option("--ca-file", globals.ca_file,
                 "Speak TLS and trust this PEM file's certificates (OUTBOARD_CA_FILE)")
      ->group(group);
  app.add_option("--certificate-file", globals.certificate_file,
                 "PEM file to show to a server that asks for one (OUTBOARD_CERTIFICATE_FILE)")
      ->group(group);
  app.add_option("--key-file", globals.key_file, "PEM file, the certificate's (OUTBOARD_KEY_FILE)")
      ->group(group);
  app.add_option("--timeout", globals.timeout, "Longest wait for one answer; default 60s")
      ->group(group);
}

// What was not given on the command line, from the environment.
void complete(Globals& globals, const Surroundings& around) {
  const auto take = [&](std::string& into, const char* name) {
    if (into.empty()) into = around.variable(name).value_or("");
  };
  take(globals.server, "OUTBOARD_SERVER");
  take(globals.harness, "OUTBOARD_HARNESS");
  take(globals.organisation, "OUTBOARD_ORG");
  take(globals.ca_file, "OUTBOARD_CA_FILE");
  take(globals.certificate_file, "OUTBOARD_CERTIFICATE_FILE");
  take(globals.key_file, "OUTBOARD_KEY_FILE");
}

Status check_tls(const Globals& globals) {
  if (globals.certificate_file.empty() != globals.key_file.empty()) {
    return Error{Code::invalid,
                 "a certificate and its key come together: give --certificate-file and --key-file, "
                 "or set OUTBOARD_CERTIFICATE_FILE and OUTBOARD_KEY_FILE"};
  }
  if (globals.certificate_file.empty() || !globals.ca_file.empty()) return success();
  return Error{Code::invalid,
               "a certificate is shown over TLS only: give --ca-file, or set OUTBOARD_CA_FILE"};
}

Result<std::string> read_token(const Globals& globals, const Surroundings& around) {
  std::string file = globals.token_file;
  if (file.empty()) {
    if (auto token = around.variable("OUTBOARD_TOKEN"); token && !token->empty()) return *token;
    file = around.variable("OUTBOARD_TOKEN_FILE").value_or("");
  }
  if (file.empty()) {
    return Error{Code::unauthenticated, "there is no token to show to the server"};
  }
  auto text = read_file(file, kTokenFileBytesMax);
  if (!text) return text;
  const auto blank = [](char c) { return c == '\n' || c == '\r' || c == ' ' || c == '\t'; };
  while (!text->empty() && blank(text->back())) text->pop_back();
  if (text->empty()) return Error{Code::unauthenticated, "the token file " + file + " is empty"};
  return text;
}

// Whom a command speaks to: a server that it must prove itself to, or one that asks for nothing, or
// only a daemon beside it.
enum class Needs : std::uint8_t { token, server, nothing };

Status carry_out(const Command& command, Needs needs, const Globals& globals, Screen& screen,
                 const Surroundings& around) {
  auto timeout = parse_duration(globals.timeout);
  if (!timeout) return timeout.error();
  if (needs != Needs::nothing && globals.server.empty() && globals.harness.empty()) {
    return Error{Code::invalid,
                 "no server was named: give --server unix:/path or host:port, or set "
                 "OUTBOARD_SERVER"};
  }
  if (auto good = check_tls(globals); !good) return good;
  auto token =
      needs == Needs::token ? read_token(globals, around) : Result<std::string>(std::string());
  if (!token) return token.error();
  const auto server =
      around.connect(RemoteAddress{globals.server, globals.harness, *token, globals.ca_file,
                                   globals.certificate_file, globals.key_file, *timeout});
  Context context(*server, screen, around.clock, around.in,
                  {globals.organisation, globals.server, *timeout, globals.json, around.variable});
  auto done = command(context);
  screen.out() << std::flush;
  if (done && !screen.out()) {
    return Error{Code::no_space,
                 "the output could not be written: is the disk full, or did the "
                 "reader go away?"};
  }
  return done;
}

// CLI11 does not look at what is left over where a verb is missing.
std::string missing_verb(const CLI::App& app, const CLI::App& verb) {
  const std::vector<std::string> left = app.remaining(true);
  const auto word = std::ranges::find_if(left, [](const auto& one) { return one[0] != '-'; });
  std::string message = "a verb is missing: one of";
  if (word != left.end()) message = "`" + printable(*word) + "` is no verb: one of";
  for (const CLI::App* one : verb.get_subcommands([](const CLI::App*) { return true; })) {
    message += " " + one->get_name();
  }
  return message;
}

// CLI11 says what is wrong; where to read on is ours.
int print_usage_error(const CLI::App& app, const CLI::ParseError& failed, Screen& screen) {
  if (failed.get_exit_code() == 0) {  // --help
    std::ostringstream out;
    app.exit(failed, out, out);
    screen.out() << out.str();
    return kExitOk;
  }
  const CLI::App* verb = &app;
  std::string path = "outboard";
  while (!verb->get_subcommands().empty()) {
    verb = verb->get_subcommands().front();
    path += " " + verb->get_name();
  }
  std::string message = printable(failed.what());
  if (message == "A subcommand is required") message = missing_verb(app, *verb);
  screen.err() << screen.paint_error(Colour::red, "error:") << " " << message << "\n"
               << screen.paint_error(Colour::dim,
                                     "hint:  `" + path + " --help` shows what it takes")
               << "\n";
  return kExitUsage;
}

}  // namespace

int run(std::vector<std::string> words, const Surroundings& around) {
  Screen screen(around.out, around.err, around.screen);
  CLI::App app("Outboard: skills and memories that people, agents and their sandboxes share.\n",
               "outboard");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(kFooter);
  Globals globals;
  Command chosen;
  add_globals(app, globals);
  add_file_verbs(app, chosen, globals.json);
  add_exchange_verbs(app, chosen, globals.json);
  add_past_verbs(app, chosen, globals.json);
  add_session_verbs(app, chosen, globals.json);
  add_admin_verbs(app, chosen, globals.json);
  add_audit_verbs(app, chosen, globals.json);
  add_mount_verbs(app, chosen, globals.json);
  add_access_verbs(app, chosen, globals.json);
  bool version = false;
  app.add_subcommand("version", "The version of this command")->callback([&] { version = true; });
  app.add_flag_callback(
      "-V,--version", [&] { throw CLI::CallForVersion(); }, "As the verb version");
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app.parse(std::move(words));
  } catch (const CLI::CallForVersion&) {
    version = true;
  } catch (const CLI::ParseError& failed) {
    return print_usage_error(app, failed, screen);
  }
  if (version) {
    screen.out() << "outboard " << program_version() << "\n";
    return kExitOk;
  }
  complete(globals, around);
  Needs needs = Needs::token;
  if (app.got_subcommand("login")) needs = Needs::server;
  if (app.got_subcommand("mount")) needs = Needs::nothing;
  auto done = carry_out(chosen, needs, globals, screen, around);
  if (done) return kExitOk;
  if (needs == Needs::nothing) {
    print_error(screen, done.error(),
                Peer{"its control socket", "mount daemon", "--control", "OUTBOARD_CONTROL"});
    return exit_code_of(done.error().code);
  }
  const bool of_session = app.got_subcommand("session");
  print_error(screen, done.error(),
              of_session ? Peer{globals.harness, "harness", "--harness", "OUTBOARD_HARNESS"}
                         : Peer{globals.server, "server", "--server", "OUTBOARD_SERVER"});
  return exit_code_of(done.error().code);
}

}  // namespace outboard::cli
