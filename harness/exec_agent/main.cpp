// outboard-exec: the exec agent of one sandbox. See exec_service.h and inner_words.h for its two
// sides.
//
// Threads: main (the event loop `exec-loop` runs on it), 8 `exec-worker`, gRPC's own.
#include <sys/resource.h>
#include <sys/signalfd.h>

#include <CLI/CLI.hpp>
#include <string>

#include "core/limits.h"
#include "core/log.h"
#include "harness/exec_agent/agent.h"
#include "harness/exec_agent/exec_service.h"
#include "program/life.h"

using namespace outboard;
using namespace outboard::harness;

namespace {

struct Options {
  std::string socket;
  std::string session;
  std::uint64_t generation = 0;
  int inner_fd = -1;
  int ready_fd = -1;
  AgentConfig agent;
};

void describe(CLI::App& app, Options& options) {
  app.add_option("--socket", options.socket, "unix socket to serve exec.proto on")->required();
  app.add_option("--log-dir", options.agent.log_directory,
                 "directory for what is kept of commands; exists, this user's alone")
      ->required();
  app.add_option("--session", options.session, "uuid of the session")->required();
  app.add_option("--generation", options.generation, "incarnation of the sandbox")->required();
  app.add_option("--inner-fd", options.inner_fd, "connected socket to outboard-inner")->required();
  app.add_option("--author", options.agent.author, "principal whose commands run here");
  app.add_option("--mount-control", options.agent.mount_control,
                 "control socket of the mount daemon; unset: no mounts");
  app.add_option("--cgroup", options.agent.cgroup,
                 "cgroup directory of the inner layer; unset: freeze by signals");
  app.add_option("--ready-fd", options.ready_fd, "gets a line when commands can be taken");
}

// Each running command holds three descriptors.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int fail(const Error& error) {
  log(Severity::error, error.message, {{"code", std::string(name_of(error.code))}});
  return 1;
}

int serve(Options& options) {
  const auto session = parse_uuid(options.session);
  if (!session) {
    return fail(Error{Code::invalid, "--session " + options.session + " is no uuid", {}});
  }
  options.agent.session = SessionId{*session};
  options.agent.generation = Generation{options.generation};
  const sigset_t end_signals = program::block_end_signals();
  const int ends = ::signalfd(-1, &end_signals, SFD_CLOEXEC);
  raise_descriptor_limit();
  const SystemClock clock;
  InnerLink inner{Descriptor(options.inner_fd)};
  if (auto up = inner.wait_ready(clock.now() + kSandboxStartWait); !up) return fail(up.error());
  EventLoop loop(clock);
  Agent agent(options.agent, loop, inner, clock);
  auto server = ExecServer::start(options.socket, agent);
  if (!server) return fail(server.error());
  int code = 0;
  loop.add(ends, [&] { loop.stop(); });
  // Without its inner layer it has nothing to serve; the outer layer starts both anew. What ran has
  // been killed: each Child hears so on its own conversation first.
  loop.add(inner.fd(), [&] {
    code = 3;
    loop.post([&] { loop.stop(); });
  });
  program::tell_ready(options.ready_fd, {"ready"});
  loop.run();
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("The exec agent of a sandbox: runs a harness's commands in the inner layer.",
               "outboard-exec");
  describe(app, options);
  CLI11_PARSE(app, argc, argv);
  set_log("outboard-exec", {});
  return serve(options);
}
