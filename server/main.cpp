// outboard-server: the parts and the order in which they come to life; they end in the reverse one.
//
// command line → log → Embedded? → Database → site token → RpcServer → Exporter? → ready → a signal
// → drain.
#include <unistd.h>

#include <cstdlib>
#include <memory>

#include "core/log.h"
#include "program/life.h"
#include "program/metrics/exporter.h"
#include "proto/grpc_life.h"
#include "server/checkup.h"
#include "server/config.h"
#include "server/embedded.h"
#include "server/oidc/oidc.h"
#include "server/postgres/database.h"
#include "server/rpc/addresses.h"
#include "server/rpc/certificate.h"
#include "server/rpc/rpc_server.h"
#include "server/site_token.h"

namespace outboard::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kSiteTokenDeadline = 30s;

Moment in(std::chrono::nanoseconds time) {
  return std::chrono::steady_clock::now() + time;
}

Result<std::unique_ptr<Embedded>> start_embedded(const ServerConfig& config) {
  if (config.data_dir.empty()) return std::unique_ptr<Embedded>();
  return Embedded::start({config.data_dir, config.run_as});
}

RpcConfig rpc_config(const ServerConfig& config) {
  return {
      config.listen,  config.tls_certificate_file, config.tls_key_file, config.tls_client_ca_file,
      config.workers, !config.metrics.empty(),     config.rates};
}

int serve(const ServerConfig& config) {
  const sigset_t ends = program::block_end_signals();
  set_log("outboard-server", config.log);
  const SystemClock clock;

  auto embedded = start_embedded(config);
  if (!embedded) return program::refuse("no database", embedded.error());
  const std::string url = *embedded ? (*embedded)->url() : config.database_url;

  auto database = Database::open({url, config.connections});
  if (!database) return program::refuse("no database", database.error());
  Database& data = **database;
  if (!config.site_token_file.empty()) {
    auto kept = keep_site_token(
        config.site_token_file, data.tokens(), [&] { return data.mint_site_token("site"); },
        in(kSiteTokenDeadline));
    if (!kept) return program::refuse("no site token", kept.error());
  }

  const auto measure = [&](Figures& to) {
    data.measure(to);
    if (*embedded) (*embedded)->measure(to);
  };
  CertificateExaminer certificate(config.tls_certificate_file, clock);
  DiskExaminer disk(config.data_dir);
  FigureExaminer figures(measure);
  Checkup checkup({&data.examiner(), &certificate, &disk, &figures});

  std::unique_ptr<oidc::Oidc> sign_in;
  if (!config.sign_in.issuer.empty()) {
    const auto mint = [&data](const std::string& organisation, const std::string& user, bool create,
                              std::chrono::seconds life, Moment deadline) {
      return data.sign_in(organisation, user, create, life, deadline);
    };
    auto opened = oidc::Oidc::open(config.sign_in, clock, mint);
    if (!opened) return program::refuse("nobody can sign in", opened.error());
    sign_in = std::move(*opened);
  }

  auto server = RpcServer::start(
      rpc_config(config), data.store(), data.admin(), data.tokens(),
      {&data.journal(), &data.blobs(), &data.audit(), &data.trail(), &data.revisions()},
      {&data.readiness(), &checkup}, {&data.roster(), sign_in.get()});
  if (!server) return program::refuse("cannot listen", server.error());
  data.tell_access_changes([&server] { (*server)->recheck_tokens(); });
  std::unique_ptr<program::Exporter> exporter;
  if (!config.metrics.empty()) {
    auto shown = program::Exporter::start(config.metrics,
                                          {measure, [&](Figures& to) { (*server)->measure(to); }});
    if (!shown) return program::refuse("no metrics", shown.error());
    exporter = std::move(*shown);
    log(Severity::info, "figures", {{"address", "http://" + exporter->address() + "/metrics"}});
  }
  for (const std::string& address : (*server)->addresses()) {
    log(Severity::info, "ready",
        {{"address", address}, {"database", *embedded ? url : "as given"}});
  }
  program::tell_ready(config.ready_fd, (*server)->addresses());

  program::await_end(ends);
  exporter.reset();
  data.tell_access_changes({});
  (*server)->drain(in(config.drain));
  return EXIT_SUCCESS;
}

}  // namespace
}  // namespace outboard::server

int main(int argc, char** argv) {
  outboard::wire::fit_grpc_to_server();
  const auto line = outboard::server::read_command_line(argc, argv);
  if (line.config) {
    const auto good = check_addresses(outboard::server::rpc_config(*line.config));
    if (good) return outboard::server::serve(*line.config);
    const auto wrong =
        outboard::program::wrong("outboard-server", "--listen: " + good.error().message);
    return outboard::program::say(wrong.text, wrong.exit_code);
  }
  return outboard::program::say(line.text, line.exit_code);
}
