#include "program/command_line.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>

namespace outboard::program {
namespace {

Severity severity_of(const std::string& word) {
  if (word == "debug") return Severity::debug;
  if (word == "warning") return Severity::warning;
  return word == "error" ? Severity::error : Severity::info;
}

// What an Exporter can listen on; whether it may is seen when it does.
std::string metrics_fault(const std::string& address) {
  const std::string port = address.substr(address.rfind(':') + 1);
  if (!port.empty() && port.find_first_not_of("0123456789") == std::string::npos) return {};
  return "cannot show figures at \"" + address +
         "\": write host:port, or a port of this machine alone";
}

}  // namespace

Ending wrong(const std::string& program, const std::string& message) {
  return {program + ": " + message + "\n", 2};
}

std::optional<Ending> parse(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;
    std::ostringstream err;
    const bool fine = app.exit(error, out, err) == 0;
    return fine ? Ending{out.str(), 0} : Ending{app.get_name() + ": " + err.str(), 2};
  }
  return std::nullopt;
}

int say(const std::string& text, int exit_code) {
  (exit_code == 0 ? std::cout : std::cerr) << text;
  return exit_code;
}

void add_ready_option(CLI::App& app, int& fd, const std::string& event) {
  app.add_option("--ready-fd", fd, event + " is written to this descriptor; then it is closed")
      ->check(CLI::Range(0, 1'048'576).description(""))
      ->type_name("FD");
}

void add_log_options(CLI::App& app, LogOptions& options) {
  app.add_option_function<std::string>(
         "--log", [&options](const std::string& word) { options.least = severity_of(word); },
         "The least that is logged: debug, info, warning or error [info]")
      ->check(CLI::IsMember({"debug", "info", "warning", "error"}).description(""))
      ->type_name("LEVEL");
  app.add_option_function<std::string>(
         "--log-format",
         [&options](const std::string& word) {
           options.format = word == "json" ? LogFormat::json : LogFormat::text;
         },
         "text for people, json for programs: one object a line [text]")
      ->check(CLI::IsMember({"text", "json"}).description(""))
      ->type_name("FORMAT");
}

void add_metrics_option(CLI::App& app, std::string& address, const std::string& warning) {
  app.add_option("--metrics", address,
                 "Show figures for Prometheus at http://ADDRESS/metrics: a port of this machine "
                 "alone, or host:port. " +
                     warning + "; none by default")
      ->check(CLI::Validator(metrics_fault, ""))
      ->type_name("ADDRESS");
}

void add_client_tls_options(CLI::App& app, ClientTls& tls) {
  auto* ca = app.add_option("--tls-ca", tls.ca_file, "PEM file; needed for TCP beyond this machine")
                 ->check(CLI::ExistingFile.description(""))
                 ->type_name("FILE");
  auto* certificate =
      app.add_option("--tls-certificate", tls.certificate_file,
                     "PEM file to show to a server that asks for one (--tls-client-ca)")
          ->check(CLI::ExistingFile.description(""))
          ->type_name("FILE")
          ->needs(ca);
  auto* key = app.add_option("--tls-key", tls.key_file, "PEM file, the certificate's")
                  ->check(CLI::ExistingFile.description(""))
                  ->type_name("FILE");
  certificate->needs(key);
  key->needs(certificate);
}

}  // namespace outboard::program
