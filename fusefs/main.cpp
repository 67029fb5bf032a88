// outboard-fuse: the parts and the order in which they come to life; they end in the reverse one.
//
// command line → log → mounter → no rights from here on → token → GrpcStore → each view: notifier,
// volume, follower, flusher, session → control socket, figures → ready → a signal → unmount.
//
// With --take-over: log → the running daemon's terms and mounter → no rights from here on →
// GrpcStore → its tables and descriptors → the same views, and all else as above. [S59]
#include <sys/prctl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <vector>

#include "client/grpc_store.h"
#include "core/log.h"
#include "core/path.h"
#include "fusefs/config.h"
#include "fusefs/confinement/syscall_filter.h"
#include "fusefs/control/control_server.h"
#include "fusefs/kernel/mounter.h"
#include "fusefs/kernel/session.h"
#include "fusefs/succession/parking.h"
#include "fusefs/succession/succession.h"
#include "fusefs/terms.h"
#include "fusefs/token_file.h"
#include "fusefs/volume/flusher.h"
#include "fusefs/volume/follower.h"
#include "fusefs/volume/volume.h"
#include "fusefs/walker.h"
#include "program/life.h"
#include "program/metrics/exporter.h"
#include "program/service_manager.h"

namespace outboard::fusefs {
namespace {

using client::ChannelConfig;
using client::GrpcStore;
using program::refuse;

// One view, with its parts in the order of their births.
struct MountedView {
  KernelNotifier notifier;
  std::unique_ptr<MountedVolume> volume;
  std::unique_ptr<Follower> follower;
  std::unique_ptr<Flusher> flusher;
  std::unique_ptr<Mounting> mounting;
  std::unique_ptr<KernelSession> session;
};

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

View view_of(const FuseConfig& config, const MountSpec& mount, bool kernel_forgets) {
  View view;
  view.kernel_forgets = kernel_forgets;
  view.read_only = mount.read_only;
  view.owners = config.stored_owners ? Owners::stored : Owners::view;
  view.uid = config.uid;
  view.gid = config.gid;
  view.umask = config.umask;
  for (const MountSpec& other : config.mounts) {
    const MountSpec* around = view_around(config.mounts, other.path);
    if (around != nullptr && around->path == mount.path) {
      view.mountpoints.emplace_back(split_last(other.path).second);
    }
  }
  view.tree_nodes_max = config.tree_nodes_max;
  view.kernel_forgets_all = kernel_forgets_all();
  view.read_deadline = config.read_deadline;
  view.write_deadline = config.write_deadline;
  return view;
}

// What all views share.
struct Daemon {
  Daemon(const FuseConfig& given, const Mounter& mounting, const program::ServiceManager& watching)
      : config(given), mounter(mounting), manager(watching), token(given.token_file) {}
  // Those inside others leave first.
  ~Daemon() {
    while (!views.empty()) views.pop_back();
  }
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const FuseConfig& config;
  const Mounter& mounter;
  const program::ServiceManager& manager;
  SystemClock clock;
  TokenFile token;
  std::unique_ptr<GrpcStore> store;
  std::unique_ptr<RequestNumbers> numbers;
  std::atomic<std::size_t> mounted = 0;
  bool kernel_forgets = true;
  std::uint64_t handovers = 0;
  std::vector<std::unique_ptr<MountedView>> views;
  Mutex turn;  // to hand over, or to end
  bool ending GUARDED_BY(turn) = false;

  ChannelConfig channel() {
    ChannelConfig channel;
    channel.address = config.server;
    channel.token = [this] { return token.token(); };
    channel.tls_ca_file = config.tls_ca_file;
    return channel;
  }

  // As `client`, or as a new one.
  Status connect(ClientId client = {}) {
    if (auto good = token.check(); !good) return good;
    ChannelConfig to = channel();
    to.client = client;
    auto connected = GrpcStore::connect(to, clock.now() + config.read_deadline);
    if (!connected) return std::move(connected).error();
    store = *std::move(connected);
    numbers = std::make_unique<RequestNumbers>(store->client());
    return success();
  }

  Status mount(const MountSpec& spec) {
    auto view = std::make_unique<MountedView>();
    auto volume = MountedVolume::open(*store, *numbers, view->notifier.invalidator(), clock,
                                      spec.volume, view_of(config, spec, kernel_forgets),
                                      clock.now() + config.read_deadline);
    if (!volume) return std::move(volume).error();
    view->volume = *std::move(volume);
    follow(*view);
    auto started =
        KernelSession::start(session_of(*view, spec, views.size()), *view->volume, view->notifier);
    if (!started) return std::move(started).error();
    view->session = *std::move(started);
    views.push_back(std::move(view));
    return success();
  }

  void follow(MountedView& view) {
    view.volume->watch_connection([this] { return store->connected(); });
    view.volume->watch_lease([this] { return store->heard_since(); });
    view.follower = std::make_unique<Follower>(*store, *view.volume, clock);
    view.flusher = std::make_unique<Flusher>(*view.volume);
  }

  SessionConfig session_of(MountedView& view, const MountSpec& spec, std::size_t number) {
    if (config.fuse_fds.empty()) {
      view.mounting = mounter.view(number);
    } else {
      view.mounting = std::make_unique<HandedMount>(config.fuse_fds[number]);
    }
    SessionConfig session;
    session.mountpoint = spec.path;
    session.mounting = view.mounting.get();
    ++mounted;
    session.on_ended = [this] {
      if (--mounted == 0) ::kill(::getpid(), SIGTERM);  // all were unmounted from outside
    };
    return session;
  }

  // ── From a running daemon [S59] ──

  // A view as that one shows it; nobody notices yet.
  Status take_over(const Volume& volume, HandedView handed, int descriptor) {
    const MountSpec& spec = config.mounts[views.size()];
    auto view = std::make_unique<MountedView>();
    auto taken = MountedVolume::take_over(*store, *numbers, view->notifier.invalidator(), clock,
                                          handed.view, volume, handed.tables);
    if (!taken) return std::move(taken).error();
    view->volume = *std::move(taken);
    handed.session.descriptor = descriptor;
    auto session = KernelSession::take_over(session_of(*view, spec, handed.number), *view->volume,
                                            view->notifier, std::move(handed.session));
    if (!session) return std::move(session).error();
    view->session = *std::move(session);
    views.push_back(std::move(view));
    return success();
  }

  // They are this daemon's from here on.
  void serve(std::vector<HandedView> handed) {
    bool frozen = false;
    for (std::size_t i = 0; i < views.size(); ++i) {
      follow(*views[i]);
      views[i]->session->serve();
      views[i]->volume->announce_again(std::move(handed[i].notices));
      frozen = frozen || views[i]->volume->frozen();
    }
    store->set_frozen(frozen);
  }

  // ── To the next daemon [S59] ──

  Terms terms() {
    Terms terms;
    terms.config = config;
    terms.token = token.held();
    terms.client = store->client();
    terms.mounter_format = Mounter::kFormat;
    terms.mounter = mounter.process();
    terms.mounts = config.fuse_fds.empty();
    terms.kernel_forgets = kernel_forgets;
    terms.manager = manager.place();
    terms.handovers = handovers;
    return terms;
  }

  // Comes back when nobody has taken over.
  void hand_over(ControlServer& control, int connection) {
    const Parley parley(connection);
    Status ready = offer_terms(parley, pack_terms(terms()), mounter.socket());
    if (ready) {
      ready = stand_still_for(parley, control);
      if (!ready) fusefs::refuse(parley, ready.error());
    }
    log(Severity::warning, "nobody has taken over; this daemon goes on",
        {{"why", ready.error().message}});
  }

  Status stand_still_for(const Parley& parley, ControlServer& control) {
    const Lock lock(turn);
    if (ending) return Error{Code::unavailable, "the running daemon is ending"};
    if (!store->connected()) {
      return Error{Code::unavailable, "the server is away: try again when it is back"};
    }
    const Moment until = clock.now() + kHandoverPause;
    const Moment at_rest = clock.now() + kHandoverPause / 2;
    if (!control.pause(at_rest)) {
      return Error{Code::timed_out, "a call on the control socket is under way: try again"};
    }
    std::vector<ParkedView> standing;
    for (const auto& view : views) {
      standing.push_back(
          {standing.size(), view->notifier, *view->volume, *view->flusher, *view->session});
    }
    auto parking = Parking::park(std::move(standing), at_rest);
    Status given = parking ? success() : Status(parking.error());
    if (parking) {
      std::vector<int> descriptors = (*parking)->descriptors();
      descriptors.push_back(control.listener());
      given = give_tables(parley, (*parking)->tables(*numbers), descriptors, until);
    }
    if (!given) {
      control.resume();
      return given;
    }
    manager.main_is(parley.peer().process);
    log(Severity::info, "another daemon has taken over",
        {{"process", std::to_string(parley.peer().process)}});
    std::_Exit(EXIT_SUCCESS);  // nothing here is this process's to take down
  }

  void begin_end() {
    const Lock lock(turn);
    ending = true;
  }

  // Names, attributes and small files where the first command asks nobody for them. [S58]
  Result<Prewarmed> prewarm(std::size_t number, const std::string& place, std::uint64_t bytes_max,
                            Moment deadline) {
    MountedVolume& volume = *views[number]->volume;
    if (volume.began_whole()) {  // of a larger volume the kernel is not shown all names [S61]
      auto walked = mounter.walk(number, place, deadline);
      if (!walked) return std::move(walked).error();
    }
    return volume.prewarm(place, bytes_max, deadline);
  }

  void prewarm_all() {
    std::uint64_t left = kPrewarmBytesDefault;
    for (std::size_t i = 0; i < views.size(); ++i) {
      const std::string& path = config.mounts[i].path;
      const auto done = prewarm(i, "/", left, clock.now() + kPrewarmDeadline);
      if (!done) {
        log(Severity::warning, "not all was brought near; it is read when it is asked for",
            {{"path", path}, {"why", done.error().message}});
        continue;
      }
      left -= std::min(left, done->bytes);
    }
  }

  // However many views and unsaved files there are: one write deadline for all of them. [S9]
  void end_in_time() {
    store->stop_watching();
    const Moment end = clock.now() + config.write_deadline;
    for (const auto& view : views) view->volume->end_by(end);
  }

  // Out of the tree, with everything published; who looks in can still ask.
  void unmount() {
    end_in_time();
    for (auto view = views.rbegin(); view != views.rend(); ++view) (*view)->session->stop();
  }

  void measure(Figures& to) const {
    to.level("outboard_mount_connected", "1: the server is heard.", store->connected() ? 1 : 0);
    for (std::size_t i = 0; i < views.size(); ++i) {
      const MountSpec& spec = config.mounts[i];
      const Labels labels{{"view", spec.path}, {"volume", spec.volume}};
      views[i]->volume->measure(to, labels);
      views[i]->session->measure(to, labels);
    }
  }

  // A token counts once the server has opened a volume for it.
  Status renew(const std::string& candidate) {
    ChannelConfig trial = channel();
    trial.token = [candidate] { return candidate; };
    const Moment deadline = clock.now() + config.read_deadline;
    auto connected = GrpcStore::connect(trial, deadline);
    if (!connected) return std::move(connected).error();
    for (const MountSpec& spec : config.mounts) {
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
  for (std::size_t i = 0; i < daemon.views.size(); ++i) {
    MountedView& view = *daemon.views[i];
    parts.views.push_back({daemon.config.mounts[i].path, *view.volume});
    parts.views.back().activity = [&view] { return view.session->activity(); };
    parts.views.back().idle = [&view](Moment until) { return view.session->idle(until); };
  }
  parts.current_as_of = [&daemon] { return daemon.store->current_as_of(); };
  parts.connected = [&daemon] { return daemon.store->connected(); };
  parts.set_frozen = [&daemon](bool frozen) { daemon.store->set_frozen(frozen); };
  parts.prewarm = [&daemon](std::size_t view, const std::string& place, std::uint64_t bytes_max,
                            Moment deadline) {
    return daemon.prewarm(view, place, bytes_max, deadline);
  };
  parts.renew_token = [&daemon](const std::string& token) { return daemon.renew(token); };
  parts.hand_over = [&daemon](ControlServer& control, int connection) {
    daemon.hand_over(control, connection);
  };
  parts.handovers = daemon.handovers;
  parts.taken_over = daemon.clock.wall();
  return parts;
}

// While there is one thread: what may mount stands apart, and this process may nothing more. [S60]
Result<std::unique_ptr<Mounter>> confine(const FuseConfig& config) {
  // The token will be in this process's memory: nobody of the same uid may look into it.
  ::prctl(PR_SET_DUMPABLE, 0);
  Mounter::Config mounting;
  for (const MountSpec& spec : config.mounts) {
    mounting.views.push_back({spec.path, spec.volume, spec.read_only});
  }
  mounting.mounts = config.fuse_fds.empty();
  mounting.look = look_at_all;
  mounting.nothing_there = kNothingThere;
  auto mounter = Mounter::start(mounting);
  if (!mounter) return mounter;
  if (auto dropped = drop_privileges(config.identity); !dropped) return dropped.error();
  if (auto filtered = filter_syscalls(Duty::serving); !filtered) return filtered.error();
  return mounter;
}

// From here on somebody looks in; until a signal comes. `listener`: of the control socket, where
// another process has listened; -1: it is opened.
int show_and_wait(Daemon& daemon, const sigset_t& ends, int listener) {
  const FuseConfig& config = daemon.config;
  std::unique_ptr<ControlServer> control;
  if (!config.control_socket.empty()) {
    auto started =
        listener < 0 ? ControlServer::start(config.control_socket, controlled(daemon), daemon.clock)
                     : ControlServer::take_over(config.control_socket, listener, controlled(daemon),
                                                daemon.clock);
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
  for (const MountSpec& mount : config.mounts) paths.push_back(mount.path);
  program::tell_ready(config.ready_fd, paths);

  daemon.manager.ready();

  // Whoever holds a view's lock for ever holds main, too, and is missed.
  program::await_end(ends, daemon.manager, [&daemon] {
    for (const auto& view : daemon.views) (void)view->volume->seq();
  });
  daemon.manager.stopping();
  daemon.begin_end();
  daemon.unmount();
  return EXIT_SUCCESS;
}

int mount_and_wait(const FuseConfig& config) {
  const sigset_t ends = program::block_end_signals();
  set_log("outboard-fuse", config.log);
  const program::ServiceManager manager;
  auto mounter = confine(config);
  if (!mounter) return refuse("cannot give up rights", mounter.error());

  Daemon daemon(config, **mounter, manager);
  if (auto connected = daemon.connect(); !connected) {
    return refuse("cannot reach the server", connected.error());
  }
  daemon.kernel_forgets = kernel_forgets(**mounter);
  for (const MountSpec& spec : config.mounts) {
    auto mounted = daemon.mount(spec);
    if (!mounted) return refuse("cannot mount", mounted.error());
    log(Severity::info, "mounted",
        {{"path", spec.path}, {"volume", spec.volume}, {"mode", spec.read_only ? "ro" : "rw"}});
  }
  if (config.prewarm) daemon.prewarm_all();
  return show_and_wait(daemon, ends, -1);
}

// What that daemon was told and has become, while there is one thread; as its user and with its
// rights, which are none. [S60]
Result<std::pair<Terms, std::unique_ptr<Mounter>>> succeed(const Parley& parley) {
  ::prctl(PR_SET_DUMPABLE, 0);
  auto said = ask_terms(parley, OUTBOARD_VERSION);
  if (!said) return std::move(said).error();
  auto terms = read_terms(said->text);
  if (!terms) return std::move(terms).error();
  if (terms->mounter_format != Mounter::kFormat) {
    return Error{Code::unsupported,
                 "the process that mounts for the running daemon speaks other words than this "
                 "program: unmount, and start it anew"};
  }
  std::optional<Identity> identity;
  const Peer peer = parley.peer();
  if (peer.user != ::geteuid()) identity = Identity{peer.user, peer.group};
  if (auto dropped = drop_privileges(identity); !dropped) return dropped.error();
  if (auto filtered = filter_syscalls(Duty::serving); !filtered) return filtered.error();
  return std::pair{*std::move(terms), Mounter::adopt(said->descriptors.front(), terms->mounter)};
}

// Everything but to serve. The descriptor of the control socket's listener.
Result<int> take_views(Daemon& daemon, const Terms& terms, const Parley& parley,
                       std::vector<HandedView>& views) {
  daemon.token.hold(terms.token);
  daemon.kernel_forgets = terms.kernel_forgets;
  daemon.handovers = terms.handovers + 1;
  if (auto connected = daemon.connect(terms.client); !connected) return connected.error();
  std::vector<Volume> volumes;
  for (const MountSpec& spec : daemon.config.mounts) {
    const Moment deadline = daemon.clock.now() + daemon.config.read_deadline;
    auto volume = daemon.store->open_volume(Call::until(deadline), spec.volume);
    if (!volume) return std::move(volume).error();
    volumes.push_back(*std::move(volume));
  }
  auto said = ask_tables(parley);
  if (!said) return std::move(said).error();
  auto handed = handed_views(said->text, *daemon.numbers);
  if (!handed) return std::move(handed).error();
  if (handed->size() != volumes.size() || said->descriptors.size() != volumes.size() + 1) {
    return Error{Code::corrupt, "the running daemon gave other views than it has"};
  }
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    auto taken = daemon.take_over(volumes[i], (*handed)[i], said->descriptors[i]);
    if (!taken) return std::move(taken).error();
  }
  views = *std::move(handed);
  if (auto owner = say_taken(parley); !owner) return owner.error();
  return said->descriptors.back();
}

int take_over_and_wait(FuseConfig line) {
  const sigset_t ends = program::block_end_signals();
  set_log("outboard-fuse", line.log);
  auto parley = Parley::connect(line.take_over);
  if (!parley) return refuse("cannot take over", parley.error());
  auto succeeded = succeed(*parley);
  if (!succeeded) return refuse("cannot take over", succeeded.error());
  auto& [terms, mounter] = *succeeded;
  FuseConfig config = terms.config;
  config.ready_fd = line.ready_fd;
  config.log = line.log;
  if (!terms.mounts) config.fuse_fds.assign(config.mounts.size(), -1);  // they come with the tables
  const program::ServiceManager manager(terms.manager);

  Daemon daemon(config, *mounter, manager);
  std::vector<HandedView> views;
  const auto listener = take_views(daemon, terms, *parley, views);
  if (!listener) {
    refuse("cannot take over; the running daemon goes on", listener.error());
    std::_Exit(EXIT_FAILURE);  // what is here is that one's: nothing may take it down
  }
  daemon.serve(std::move(views));
  log(Severity::info, "taken over", {{"handovers", std::to_string(daemon.handovers)}});
  return show_and_wait(daemon, ends, *listener);
}

}  // namespace
}  // namespace outboard::fusefs

int main(int argc, char** argv) {
  const auto line = outboard::fusefs::read_command_line(argc, argv);
  if (line.config && !line.config->take_over.empty()) {
    return outboard::fusefs::take_over_and_wait(*line.config);
  }
  if (line.config) return outboard::fusefs::mount_and_wait(*line.config);
  return outboard::program::say(line.text, line.exit_code);
}
