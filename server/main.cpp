// outboard-server: the parts and the order in which they come to life; they end in the reverse one.
//
// command line → log → Embedded? → Database → site token → RpcServer → ready → a signal → drain.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <memory>

#include "core/log.h"
#include "server/config.h"
#include "server/embedded.h"
#include "server/oidc/oidc.h"
#include "server/postgres/database.h"
#include "server/rpc/rpc_server.h"
#include "server/site_token.h"

namespace outboard::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kSiteTokenDeadline = 30s;

Moment in(std::chrono::nanoseconds time) {
  return std::chrono::steady_clock::now() + time;
}

int refuse(std::string_view what, const Error& error) {
  log(Severity::error, what, {{"code", std::string(name_of(error.code))}, {"why", error.message}});
  return EXIT_FAILURE;
}

// Blocked before the first thread is born, so that all inherit it and sigwait alone takes them.
sigset_t block_signals() {
  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&ends, number);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ends;
}

void tell_ready(int fd, const std::vector<std::string>& addresses) {
  if (fd < 0) return;
  std::string lines;
  for (const std::string& address : addresses) lines += address + "\n";
  if (::write(fd, lines.data(), lines.size()) < 0) {
    log(Severity::warning, "nobody reads --ready-fd", {{"fd", std::to_string(fd)}});
  }
  ::close(fd);
}

int serve(const ServerConfig& config) {
  const sigset_t ends = block_signals();
  set_log("outboard-server", config.log);

  std::unique_ptr<Embedded> embedded;
  std::string url = config.database_url;
  if (!config.data_dir.empty()) {
    auto started = Embedded::start({config.data_dir, config.run_as});
    if (!started) return refuse("no database", started.error());
    embedded = std::move(*started);
    url = embedded->url();
  }

  auto database = Database::open({url, config.connections});
  if (!database) return refuse("no database", database.error());
  Database& data = **database;
  if (!config.site_token_file.empty()) {
    auto kept = keep_site_token(
        config.site_token_file, data.tokens(), [&] { return data.mint_site_token("site"); },
        in(kSiteTokenDeadline));
    if (!kept) return refuse("no site token", kept.error());
  }

  const SystemClock clock;
  std::unique_ptr<oidc::Oidc> sign_in;
  if (!config.sign_in.issuer.empty()) {
    const auto mint = [&data](const std::string& organisation, const std::string& user, bool create,
                              std::chrono::seconds life, Moment deadline) {
      return data.sign_in(organisation, user, create, life, deadline);
    };
    auto opened = oidc::Oidc::open(config.sign_in, clock, mint);
    if (!opened) return refuse("nobody can sign in", opened.error());
    sign_in = std::move(*opened);
  }

  RpcConfig rpc{config.listen,       config.tls_certificate_file,
                config.tls_key_file, config.tls_client_ca_file,
                config.workers,      config.rates};
  auto server = RpcServer::start(rpc, data.store(), data.admin(), data.tokens(),
                                 {&data.journal(), &data.blobs()}, {&data.roster(), sign_in.get()});
  if (!server) return refuse("cannot listen", server.error());
  data.tell_access_changes([&server] { (*server)->recheck_tokens(); });
  for (const std::string& address : (*server)->addresses()) {
    log(Severity::info, "ready", {{"address", address}, {"database", embedded ? url : "as given"}});
  }
  tell_ready(config.ready_fd, (*server)->addresses());

  int received = 0;
  ::sigwait(&ends, &received);
  log(Severity::info, "ending", {{"signal", std::to_string(received)}});
  data.tell_access_changes({});
  (*server)->drain(in(config.drain));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace outboard::server

int main(int argc, char** argv) {
  const auto line = outboard::server::read_command_line(argc, argv);
  if (line.config) return outboard::server::serve(*line.config);
  (line.exit_code == 0 ? std::cout : std::cerr) << line.text;
  return line.exit_code;
}
