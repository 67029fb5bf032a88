// outboard-fuse: the parts and the order in which they come to life; they end in the reverse one.
//
// command line → log → mounter → no rights from here on → token → GrpcStore → the views, each with
// its notifier, volume, follower, flusher and session → control socket, figures → ready → a signal
// → unmount.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include "client/grpc_store.h"
#include "core/log.h"
#include "fusefs/attach_line.h"
#include "fusefs/config.h"
#include "fusefs/confinement/syscall_filter.h"
#include "fusefs/control/control_server.h"
#include "fusefs/kernel/mounter.h"
#include "fusefs/token_file.h"
#include "fusefs/views/view_set.h"
#include "fusefs/walker.h"
#include "program/life.h"
#include "program/metrics/exporter.h"
#include "program/service_manager.h"

namespace outboard::fusefs {
namespace {

using client::ChannelConfig;
using client::GrpcStore;
using program::refuse;

// A kernel that does not forget is told to remember nothing: each path costs a question then. [S5]
bool kernel_forgets(const Mounter& mounter) {
  const auto good = mounter.check_kernel();
  if (good) return true;
  const bool tried = good.error().code == Code::unsupported;
  log(tried ? Severity::warning : Severity::debug,
      tried ? "this kernel is not trusted to remember anything: views are slower"
            : "this kernel is taken for one that forgets what it is told to",
      {{"why", good.error().message}});
  return !tried;
}

View common_view(const FuseConfig& config, bool kernel_forgets) {
  View view;
  view.kernel_forgets = kernel_forgets;
  view.owners = config.stored_owners ? Owners::stored : Owners::view;
  view.uid = config.uid;
  view.gid = config.gid;
  view.umask = config.umask;
  view.read_deadline = config.read_deadline;
  view.write_deadline = config.write_deadline;
  return view;
}

// What all views share.
struct Daemon {
  Daemon(const FuseConfig& given, const Mounter& mounting)
      : config(given), mounter(mounting), token(given.token_file) {}
  const FuseConfig& config;
  const Mounter& mounter;
  SystemClock clock;
  TokenFile token;
  std::unique_ptr<GrpcStore> store;
  std::unique_ptr<RequestNumbers> numbers;
  std::unique_ptr<ViewSet> views;

  ChannelConfig channel() {
    ChannelConfig channel;
    channel.address = config.server;
    channel.token = [this] { return token.token(); };
    channel.tls_ca_file = config.tls_ca_file;
    return channel;
  }

  Status connect() {
    if (auto good = token.check(); !good) return good;
    auto connected = GrpcStore::connect(channel(), clock.now() + config.read_deadline);
    if (!connected) return std::move(connected).error();
    store = *std::move(connected);
    numbers = std::make_unique<RequestNumbers>(store->client());
    ViewSet::Config all;
    all.common = common_view(config, kernel_forgets(mounter));
    all.handed = config.fuse_fds;
    all.on_all_end = [] { ::kill(::getpid(), SIGTERM); };
    all.connected = [this] { return store->connected(); };
    all.heard_since = [this] { return store->heard_since(); };
    views = std::make_unique<ViewSet>(*store, *numbers, mounter, clock, std::move(all));
    return success();
  }

  // Names, attributes and small files where the first command asks nobody for them. [S58]
  Result<Prewarmed> prewarm(const MountedView& view, const std::string& place,
                            std::uint64_t bytes_max, Moment deadline) const {
    auto walked = mounter.walk(view.number, place, deadline);
    if (!walked) return std::move(walked).error();
    return view.volume->prewarm(place, bytes_max, deadline);
  }

  void prewarm_all() const {
    std::uint64_t left = kPrewarmBytesDefault;
    for (const auto& view : views->now()) {
      const auto done = prewarm(*view, "/", left, clock.now() + kPrewarmDeadline);
      if (!done) {
        log(Severity::warning, "not all was brought near; it is read when it is asked for",
            {{"path", view->spec.path}, {"why", done.error().message}});
        continue;
      }
      left -= std::min(left, done->bytes);
    }
  }

  // Out of the tree, with everything published; who looks in can still ask.
  void unmount() {
    store->stop_watching();
    views->unmount();
  }

  void measure(Figures& to) const {
    to.level("outboard_mount_connected", "1: the server is heard.", store->connected() ? 1 : 0);
    for (const auto& view : views->now()) {
      const Labels labels{{"view", view->spec.path}, {"volume", view->spec.volume}};
      view->volume->measure(to, labels);
      view->session->measure(to, labels);
    }
  }

  // A token counts once the server has opened a volume for it.
  Status renew(const std::string& candidate) {
    ChannelConfig trial = channel();
    trial.token = [candidate] { return candidate; };
    const Moment deadline = clock.now() + config.read_deadline;
    auto connected = GrpcStore::connect(trial, deadline);
    if (!connected) return std::move(connected).error();
    for (const ViewSpec& spec : views->specs()) {
      auto opened = (*connected)->open_volume(Call::until(deadline), spec.volume);
      if (!opened) return std::move(opened).error();
    }
    token.replace(candidate);
    return success();
  }
};

ControlledDaemon controlled(Daemon& daemon) {
  ControlledDaemon parts;
  parts.version = OUTBOARD_VERSION;
  parts.server = daemon.config.server;
  parts.views = [&daemon] {
    std::vector<ControlledView> shown;
    for (const auto& view : daemon.views->now()) {
      shown.push_back({view->spec.path, *view->volume, view});
      shown.back().activity = [view] { return view->session->activity(); };
      shown.back().idle = [view](Moment until) { return view->session->idle(until); };
      shown.back().prewarm = [&daemon, view](const std::string& place, std::uint64_t bytes_max,
                                             Moment deadline) {
        return daemon.prewarm(*view, place, bytes_max, deadline);
      };
    }
    return shown;
  };
  parts.set_views = [&daemon](const WantedViews& wanted) {
    if (!wanted.amends) return daemon.views->change(wanted.views, wanted.force);
    return daemon.views->amend(wanted.views, wanted.going, wanted.force);
  };
  parts.current_as_of = [&daemon] { return daemon.store->current_as_of(); };
  parts.connected = [&daemon] { return daemon.store->connected(); };
  parts.set_frozen = [&daemon](bool frozen) { daemon.store->set_frozen(frozen); };
  parts.renew_token = [&daemon](const std::string& token) { return daemon.renew(token); };
  return parts;
}

// While there is one thread: what may mount stands apart, and this process may nothing more. [S60]
Result<std::unique_ptr<Mounter>> confine(const FuseConfig& config) {
  // The token will be in this process's memory: nobody of the same uid may look into it.
  ::prctl(PR_SET_DUMPABLE, 0);
  Mounter::Config mounting;
  for (const ViewSpec& spec : config.mounts) {
    mounting.views.push_back({spec.path, spec.volume, spec.read_only});
  }
  mounting.mounts = config.fuse_fds.empty();
  mounting.allowed = config.allowed;
  mounting.look = look_at_all;
  mounting.nothing_there = kNothingThere;
  auto mounter = Mounter::start(mounting);
  if (!mounter) return mounter;
  if (auto dropped = drop_privileges(config.identity); !dropped) return dropped.error();
  if (auto filtered = filter_syscalls(Duty::serving); !filtered) return filtered.error();
  return mounter;
}

int mount_and_wait(const FuseConfig& config) {
  const sigset_t ends = program::block_end_signals();
  set_log("outboard-fuse", config.log);
  const program::ServiceManager manager;
  auto mounter = confine(config);
  if (!mounter) return refuse("cannot give up rights", mounter.error());

  Daemon daemon(config, **mounter);
  if (auto connected = daemon.connect(); !connected) {
    return refuse("cannot reach the server", connected.error());
  }
  if (auto mounted = daemon.views->start(config.mounts); !mounted) {
    return refuse("cannot mount", mounted.error());
  }
  if (config.prewarm) daemon.prewarm_all();
  std::unique_ptr<ControlServer> control;
  if (!config.control_socket.empty()) {
    auto started = ControlServer::start(config.control_socket, controlled(daemon), daemon.clock);
    if (!started) return refuse("no control socket", started.error());
    control = *std::move(started);
  }
  std::unique_ptr<program::Exporter> exporter;
  if (!config.metrics.empty()) {
    auto shown =
        program::Exporter::start(config.metrics, {[&daemon](Figures& to) { daemon.measure(to); }});
    if (!shown) return refuse("no figures", shown.error());
    exporter = *std::move(shown);
    log(Severity::info, "figures", {{"address", "http://" + exporter->address() + "/metrics"}});
  }
  std::vector<std::string> paths;
  for (const ViewSpec& mount : config.mounts) paths.push_back(mount.path);
  program::tell_ready(config.ready_fd, paths);

  manager.ready();

  // Whoever holds a view's lock for ever holds main, too, and is missed.
  program::await_end(ends, manager, [&daemon] {
    for (const auto& view : daemon.views->now()) (void)view->volume->seq();
  });
  manager.stopping();
  daemon.unmount();
  return EXIT_SUCCESS;
}

int attach_or_detach(const AttachConfig& config) {
  const Status done = config.attaches ? attach(config.what) : detach(config.what);
  if (done) return EXIT_SUCCESS;
  return program::say("error: " + done.error().message + "\n", EXIT_FAILURE);
}

}  // namespace
}  // namespace outboard::fusefs

int main(int argc, char** argv) {
  if (outboard::fusefs::is_attach_line(argc, argv)) {
    const auto line = outboard::fusefs::read_attach_line(argc, argv);
    if (line.config) return outboard::fusefs::attach_or_detach(*line.config);
    return outboard::program::say(line.text, line.exit_code);
  }
  const auto line = outboard::fusefs::read_command_line(argc, argv);
  if (line.config) return outboard::fusefs::mount_and_wait(*line.config);
  return outboard::program::say(line.text, line.exit_code);
}
