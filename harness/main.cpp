// outboard-harness: the parts and the order in which they come to life; they end in the reverse
// one.
//
// command line → log → models → sandboxes → journal, admin → worker → AgentServer → ready → a
// signal → drain.
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <thread>

#include "client/grpc_admin.h"
#include "client/grpc_store.h"
#include "core/limits.h"
#include "core/log.h"
#include "harness/api/agent_server.h"
#include "harness/config.h"
#include "harness/hosting/hosted_session.h"
#include "harness/journal/grpc_journal.h"
#include "harness/replace_line.h"
#include "harness/sandboxes/namespaces.h"
#include "harness/sandboxes/replacing.h"
#include "program/life.h"

namespace outboard::harness {
namespace {

using program::refuse;
using program::tell_ready;

// The exit code on a machine that lets nobody make a sandbox: whoever started this may go on
// without.
constexpr int kNoSandboxesHere = 3;

// Read for each call, so that a renewed token is used at once.
std::string read_token(const std::string& file) {
  std::ifstream in(file);
  std::string token;
  std::getline(in, token);
  return token;
}

std::string worker_name(const HarnessConfig& config) {
  if (!config.worker.empty()) return config.worker;
  std::array<char, 256> host{};
  ::gethostname(host.data(), host.size() - 1);
  return std::string(host.data()) + ":" + std::to_string(::getpid()) + ":" +
         to_string(random_uuid()).substr(0, 8);
}

std::vector<Mapping> mappings_of(const HarnessConfig& config) {
  std::vector<Mapping> mappings;
  if (!config.skills.empty()) mappings.push_back({"/skills", config.skills, false});
  if (!config.memory.empty()) mappings.push_back({"/memory", config.memory, true});
  return mappings;
}

client::ChannelConfig channel_to(const HarnessConfig& config, std::function<std::string()> token) {
  client::ChannelConfig channel;
  channel.address = config.server;
  channel.tls_ca_file = config.tls.ca_file;
  channel.tls_certificate_file = config.tls.certificate_file;
  channel.tls_key_file = config.tls.key_file;
  channel.token = std::move(token);
  return channel;
}

// The worker's thread, which ends when its sessions are handed over.
class WorkerThread {
 public:
  explicit WorkerThread(Worker& worker) : worker_(worker), thread_([&worker] { worker.run(); }) {
    ::pthread_setname_np(thread_.native_handle(), "worker");
  }
  ~WorkerThread() {
    worker_.drain();
    thread_.join();
  }
  WorkerThread(const WorkerThread&) = delete;
  WorkerThread& operator=(const WorkerThread&) = delete;

 private:
  Worker& worker_;
  std::thread thread_;
};

Host host_of(const HarnessConfig& config, const SystemClock& clock, GrpcJournal& journal,
             const ModelShelf& models, Sandboxes& sandboxes, Rights& rights, LiveFeed& live) {
  Host host{journal,
            journal,
            models,
            sandboxes,
            rights,
            live,
            clock,
            worker_name(config),
            config.server,
            mappings_of(config),
            config.approve,
            {},
            {}};
  host.open_store = [&config, &clock](const std::string& token) -> Result<std::unique_ptr<Store>> {
    auto store = client::GrpcStore::connect(channel_to(config, [token] { return token; }),
                                            clock.now() + kReadDeadline);
    if (!store) return std::move(store).error();
    return std::unique_ptr<Store>(*std::move(store));
  };
  host.on_rest = [&live](SessionId session) { live.forget(session); };
  return host;
}

// Each caller's calls go to the server with the caller's own token.
AgentParts api_of(GrpcJournal& journal, const ModelShelf& models, LiveFeed& live,
                  const SystemClock& clock) {
  const auto open = [&journal](const std::string& token) {
    const std::shared_ptr<GrpcJournal> own = journal.as([token] { return token; });
    return Records{own, own};
  };
  return {open, live, clock, models.standard(),
          [&models](const std::string& model) { return models.check(model); }};
}

int serve(const HarnessConfig& config) {
  const sigset_t ends = program::block_end_signals();
  set_log("outboard-harness", config.log);
  // Keys and tokens are in this process's memory: nobody of the same uid may look into it.
  ::prctl(PR_SET_DUMPABLE, 0);
  const SystemClock clock;

  auto models = ModelShelf::open({config.model, config.anthropic_key_file, config.anthropic_url,
                                  config.anthropic_ca_file, config.scenarios});
  if (!models) return refuse("no model", models.error());
  if (auto good = organisation_of(mappings_of(config)); !good) {
    return refuse("volumes that will not do", good.error());
  }
  NamespacesConfig room;
  room.directory = config.sandboxes;
  room.programs = config.programs;
  auto sandboxes = Namespaces::open(room);
  if (!sandboxes) {
    refuse("no sandboxes", sandboxes.error());
    return sandboxes.error().code == Code::unsupported ? kNoSandboxesHere : EXIT_FAILURE;
  }

  const auto channel = channel_to(config, [&config] { return read_token(config.token_file); });
  auto journal = GrpcJournal::connect(channel, clock.now() + kReadDeadline);
  if (!journal) return refuse("cannot reach the server", journal.error());
  auto admin = client::GrpcAdmin::connect(channel, clock.now() + kReadDeadline);
  if (!admin) return refuse("cannot reach the server", admin.error());

  Rights rights(**admin, clock, mappings_of(config));
  LiveFeed live;
  const Host host = host_of(config, clock, **journal, **models, **sandboxes, rights, live);
  Worker worker({host.worker, config.slots}, **journal, clock, host_sessions(host));
  auto server = AgentServer::start(config.listen, api_of(**journal, **models, live, clock));
  if (!server) return refuse("cannot listen", server.error());
  const WorkerThread working(worker);
  for (const std::string& address : (*server)->addresses()) {
    log(Severity::info, "ready",
        {{"address", address}, {"worker", host.worker}, {"model", (*models)->standard()}});
  }
  tell_ready(config.ready_fd, (*server)->addresses());

  program::await_end(ends);
  worker.drain();
  (*server)->drain(clock.now() + config.drain);
  return EXIT_SUCCESS;
}

Result<std::vector<SessionId>> sessions_of(const ReplaceConfig& config) {
  if (config.sessions.empty()) return sessions_in(config.sandboxes);
  std::vector<SessionId> sessions;
  for (const std::string& session : config.sessions) {
    const auto uuid = parse_uuid(session);
    if (!uuid) return Error{Code::invalid, session + " is no session's id", session};
    sessions.push_back(SessionId{*uuid});
  }
  return sessions;
}

// A sandbox that ended meanwhile, or was lost before, has nothing to replace.
int replace_daemons(const ReplaceConfig& config) {
  const auto sessions = sessions_of(config);
  if (!sessions) return program::say("error: " + sessions.error().message + "\n", EXIT_FAILURE);
  const std::string programs = config.programs.empty() ? programs_beside_this() : config.programs;
  int code = EXIT_SUCCESS;
  for (const SessionId& session : *sessions) {
    const auto replaced = replace_daemon(config.sandboxes, session, programs + "/outboard-fuse",
                                         SystemClock().now() + kSandboxStartWait);
    if (replaced) {
      const char* what = *replaced ? ": replaced\n" : ": has no views\n";
      program::say(to_string(session) + what, EXIT_SUCCESS);
    } else if (replaced.error().code != Code::not_found || !config.sessions.empty()) {
      code =
          program::say(to_string(session) + ": " + replaced.error().message + "\n", EXIT_FAILURE);
    }
  }
  return code;
}

}  // namespace
}  // namespace outboard::harness

int main(int argc, char** argv) {
  if (outboard::harness::is_replace_line(argc, argv)) {
    const auto line = outboard::harness::read_replace_line(argc, argv);
    if (line.config) return outboard::harness::replace_daemons(*line.config);
    return outboard::program::say(line.text, line.exit_code);
  }
  const auto line = outboard::harness::read_command_line(argc, argv);
  if (line.config) return outboard::harness::serve(*line.config);
  return outboard::program::say(line.text, line.exit_code);
}
