// The command line of a program that serves: what its main has to do, and the options that all of
// them have.
//
// main → read_command_line() of the program's own config.h → parse() here → run, or print and end.
#pragma once

#include <optional>
#include <string>

#include "core/log.h"

namespace CLI {
class App;
}

namespace outboard::program {

// What to print instead of running.
struct Ending {
  std::string text;   // help or version on code 0; else what is wrong and the way out
  int exit_code = 0;  // 0, or 2 for a wrong command line
};

// What main has to do: run with `config`, or say `ending`.
template <class Config>
struct CommandLine {
  std::optional<Config> config;
  std::string text;
  int exit_code = 0;

  CommandLine(Config good) : config(std::move(good)) {}
  CommandLine(Ending ending) : text(std::move(ending.text)), exit_code(ending.exit_code) {}
};

// A command line that is wrong by a rule that CLI11 does not know.
Ending wrong(const std::string& program, const std::string& message);

// Reads the words into what `app` was told of. An Ending: help or version was asked for, or a word
// is wrong.
std::optional<Ending> parse(CLI::App& app, int argc, const char* const* argv);

// Prints an ending where it belongs, standard output or error; its exit code.
int say(const std::string& text, int exit_code);

// --ready-fd. `event`: when the lines are written, and what each says: "Once ready, one line per
// address".
void add_ready_option(CLI::App& app, int& fd, const std::string& event);
// --log and --log-format.
void add_log_options(CLI::App& app, LogOptions& options);
// --metrics: where figures are shown. `warning`: a sentence on what they name.
void add_metrics_option(CLI::App& app, std::string& address, const std::string& warning);

// PEM files of a program that asks a server over TLS; empty: not given.
struct ClientTls {
  std::string ca_file;
  std::string certificate_file;  // its own, for a server that wants to see one; with its key
  std::string key_file;
};
// --tls-ca, --tls-certificate and --tls-key.
void add_client_tls_options(CLI::App& app, ClientTls& tls);

}  // namespace outboard::program
