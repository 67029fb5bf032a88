#include "server/config.h"

#include <CLI/CLI.hpp>

namespace outboard::server {
namespace {

constexpr const char* kAbout =
    "Serves volumes of files to sandboxes and people over gRPC; the truth is in Postgres.\n";

constexpr const char* kExamples =
    "Examples:\n"
    "  A server with a private Postgres, for this machine:\n"
    "    outboard-server --data /var/lib/outboard --listen unix:/run/outboard/server.sock \\\n"
    "                    --site-token-file /var/lib/outboard/site.token\n"
    "  On a Postgres of your own, for others:\n"
    "    OUTBOARD_DATABASE=postgresql://outboard@db/outboard outboard-server \\\n"
    "        --listen 0.0.0.0:7070 --tls-certificate cert.pem --tls-key key.pem\n"
    "  People sign in at an issuer of your own (`outboard login`):\n"
    "    outboard-server … --oidc-issuer https://id.acme.com --oidc-audience outboard \\\n"
    "        --oidc-keys https://id.acme.com/jwks.json --oidc-organisation acme\n"
    "\n"
    "SIGTERM and SIGINT end it in order: calls under way are answered, watchers are told.";

void add_access_options(CLI::App& app, ServerConfig& config) {
  app.add_option("--rate-requests", config.rates.requests,
                 "Requests a second of each principal but administrators; 0 for no limit")
      ->capture_default_str();
  app.add_option("--rate-bytes", config.rates.bytes,
                 "Bytes of content a second of each principal but administrators; 0 for no limit")
      ->capture_default_str();
  SignInConfig& oidc = config.sign_in;
  auto* issuer = app.add_option("--oidc-issuer", oidc.issuer,
                                "Whose ID tokens sign people in: the `iss` they carry");
  auto* audience = app.add_option("--oidc-audience", oidc.audience,
                                  "The `aud` they must carry: this deployment's name there");
  auto* keys = app.add_option("--oidc-keys", oidc.keys,
                              "The issuer's public keys: a file, or its jwks_uri (https)");
  auto* organisation = app.add_option("--oidc-organisation", oidc.organisation,
                                      "The organisation whose users sign in so");
  for (CLI::Option* one : {audience, keys, organisation}) {
    issuer->needs(one);
    one->needs(issuer);
  }
  app.add_option("--oidc-user-claim", oidc.user_claim, "The claim that is the user's name")
      ->needs(issuer)
      ->capture_default_str();
  app.add_option("--oidc-email-domain", oidc.email_domain,
                 "The claim is an address there; what stands before the @ is the user's name")
      ->needs(issuer);
  app.add_flag("--oidc-create-users", oidc.create_users,
               "Make users who are not known yet, instead of refusing them")
      ->needs(issuer);
}

void add_options(CLI::App& app, ServerConfig& config, long& drain_s) {
  auto* data = app.add_option("--data", config.data_dir,
                              "Directory of the private Postgres; made when missing");
  auto* database = app.add_option("--database", config.database_url,
                                  "URL of a Postgres of your own; a password is safer in the "
                                  "environment than in an argument")
                       ->envname("OUTBOARD_DATABASE");
  app.add_option("--run-as", config.run_as,
                 "As root: the user of the private Postgres [outboard, else postgres]")
      ->excludes(database);
  app.add_option("--listen", config.listen,
                 "unix:/path or host:port; port 0 takes a free one. May be given several times. "
                 "TCP beyond this machine needs TLS")
      ->required();
  auto* certificate =
      app.add_option("--tls-certificate", config.tls_certificate_file, "PEM file for TCP")
          ->check(CLI::ExistingFile);
  auto* key = app.add_option("--tls-key", config.tls_key_file, "PEM file for TCP")
                  ->check(CLI::ExistingFile);
  certificate->needs(key);
  key->needs(certificate);
  app.add_option("--tls-client-ca", config.tls_client_ca_file,
                 "PEM file; clients must show a certificate that it signed")
      ->check(CLI::ExistingFile)
      ->needs(certificate);
  app.add_option("--site-token-file", config.site_token_file,
                 "Where the site administrator's token is kept: minted into it, for its owner's "
                 "eyes only, unless a valid one is there");
  program::add_ready_option(app, config.ready_fd, "Once ready, one line per address");
  app.add_option("--connections", config.connections, "Database connections for reads")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_option("--workers", config.workers, "Threads that answer requests")
      ->check(CLI::Range(4, 4'096))
      ->capture_default_str();
  app.add_option("--drain", drain_s, "Seconds that calls under way may take at the end")
      ->check(CLI::Range(0, 3'600))
      ->capture_default_str();
  program::add_metrics_option(app, config.metrics,
                              "Nothing in them names a volume, a path or a person");
  add_access_options(app, config);
  program::add_log_options(app, config.log);
  data->excludes(database);
}

}  // namespace

CommandLine read_command_line(int argc, const char* const* argv) {
  ServerConfig config;
  long drain_s = config.drain.count();
  CLI::App app(kAbout, "outboard-server");
  app.footer(kExamples);
  app.set_version_flag("--version", "outboard-server " OUTBOARD_VERSION);
  add_options(app, config, drain_s);
  if (auto ending = program::parse(app, argc, argv)) return *ending;
  if (config.data_dir.empty() && config.database_url.empty()) {
    return program::Ending{
        "Where is the data? Name a directory for a private Postgres with --data DIR, or a "
        "Postgres of your own with --database URL.\n",
        2};
  }
  config.drain = std::chrono::seconds(drain_s);
  return config;
}

}  // namespace outboard::server
