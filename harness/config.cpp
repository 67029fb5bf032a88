#include "harness/config.h"

#include <CLI/CLI.hpp>

namespace outboard::harness {
namespace {

constexpr const char* kAbout =
    "Runs sessions of agents: asks models, runs their commands in sandboxes, keeps all of it in an "
    "Outboard server's journal.\n";

constexpr const char* kExamples =
    "Example:\n"
    "  ANTHROPIC_API_KEY=… outboard-harness --server unix:/run/outboard/server.sock \\\n"
    "      --token-file /run/outboard/harness-token --listen unix:/run/outboard/harness.sock \\\n"
    "      --sandboxes /var/lib/outboard/sandboxes --skills acme/skills --memory acme/memory\n"
    "\n"
    "`outboard-harness replace-daemons --help`: another outboard-fuse for sandboxes that run.\n"
    "\n"
    "The token is an administrator's of the organisation: narrower ones are minted from it. Any\n"
    "number of harnesses may serve one server. SIGTERM and SIGINT hand the sessions over; their\n"
    "commands go on running, and whoever takes over takes their results. Exit codes: 0 ended as\n"
    "asked, 1 could not start (the message says why), 2 wrong command line, 3 this machine makes "
    "no\n"
    "sandboxes.";

void add_server_options(CLI::App& app, HarnessConfig& config) {
  app.add_option("--server", config.server, "unix:/path or host:port")
      ->envname("OUTBOARD_SERVER")
      ->required();
  app.add_option("--token-file", config.token_file,
                 "File with the harness's token; read again when it changes")
      ->required()
      ->check(CLI::ExistingFile);
  program::add_client_tls_options(app, config.tls);
  app.add_option("--skills", config.skills, "Volume shown at /skills, read-only: acme/skills");
  app.add_option("--memory", config.memory, "Volume shown at /memory: acme/memory");
}

void add_model_options(CLI::App& app, HarnessConfig& config) {
  app.add_option("--model", config.model,
                 "What sessions run that name none: anthropic:NAME or scripted:FILE [with a key "
                 "anthropic:claude-sonnet-4-5, else none]");
  app.add_option("--anthropic-key-file", config.anthropic_key_file,
                 "File with the key; else the environment's ANTHROPIC_API_KEY")
      ->check(CLI::ExistingFile);
  app.add_option("--anthropic-url", config.anthropic_url,
                 "Another address of the same API: a gateway's")
      ->envname("OUTBOARD_ANTHROPIC_URL");
  app.add_option("--anthropic-ca", config.anthropic_ca_file,
                 "PEM file that vouches for that address; else what this machine trusts")
      ->envname("OUTBOARD_ANTHROPIC_CA")
      ->check(CLI::ExistingFile);
  app.add_flag("!--no-scenarios", config.scenarios, "Refuse sessions that name a scripted:FILE");
  app.add_option("--approve", config.approve,
                 "A tool whose calls wait for a person's word; may be repeated");
}

void add_options(CLI::App& app, HarnessConfig& config, long& drain_s) {
  add_server_options(app, config);
  add_model_options(app, config);
  app.add_option("--listen", config.listen,
                 "unix:/path or a loopback host:port; port 0 takes a free one. May be repeated")
      ->required();
  app.add_option("--sandboxes", config.sandboxes, "Directory of the sandboxes; made when missing")
      ->required();
  app.add_option("--programs", config.programs,
                 "Where the sandbox's programs are [beside this one]")
      ->check(CLI::ExistingDirectory);
  app.add_option("--slots", config.slots, "Sessions that run at a time")
      ->check(CLI::Range(1, 1'024))
      ->capture_default_str();
  app.add_option("--worker", config.worker, "This process's name; no other has it [host and pid]");
  app.add_option("--drain", drain_s, "Seconds that calls under way may take at the end")
      ->check(CLI::Range(0, 3'600))
      ->capture_default_str();
  program::add_ready_option(app, config.ready_fd, "Once ready, one line per address");
  program::add_log_options(app, config.log);
}

}  // namespace

CommandLine read_command_line(int argc, const char* const* argv) {
  HarnessConfig config;
  long drain_s = config.drain.count();
  CLI::App app(kAbout, "outboard-harness");
  app.footer(kExamples);
  app.set_version_flag("--version", "outboard-harness " OUTBOARD_VERSION);
  add_options(app, config, drain_s);
  if (auto ending = program::parse(app, argc, argv)) return *ending;
  config.drain = std::chrono::seconds(drain_s);
  return config;
}

}  // namespace outboard::harness
