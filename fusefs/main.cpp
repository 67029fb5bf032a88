// outboard-fuse: the parts and the order in which they come to life; they end in the reverse one.
//
// command line → log → mounter → no rights from here on → token → GrpcStore → the views, each with
// its notifier, volume, follower, flusher and session → control socket, figures → ready → a signal
// → unmount.
//
// With --take-over: log → the running daemon's terms and mounter → no rights from here on →
// GrpcStore → its tables and descriptors → the same views, and all else as above. [S59]
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <vector>

#include "client/grpc_store.h"
#include "core/log.h"
#include "fusefs/attach_line.h"
#include "fusefs/config.h"
#include "fusefs/confinement/syscall_filter.h"
#include "fusefs/control/control_server.h"
#include "fusefs/disk_cache/disk_cache.h"
#include "fusefs/kernel/mounter.h"
#include "fusefs/kernel/teller.h"
#include "fusefs/succession/parking.h"
#include "fusefs/succession/succession.h"
#include "fusefs/terms.h"
#include "fusefs/token_file.h"
#include "fusefs/views/view_set.h"
#include "fusefs/walker.h"
#include "program/life.h"
#include "program/metrics/exporter.h"
#include "program/service_manager.h"
#include "proto/grpc_life.h"

namespace outboard::fusefs {
namespace {

// No freeze waits longer for a server that is slow. Who publishes to a strict volume waits for this
// mount then, for its lease.
constexpr std::chrono::milliseconds kFrozenHeard{500};

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

Error server_is_away() {
  return {Code::unavailable, "the server is away: try again when it is back"};
}

View common_view(const FuseConfig& config, bool kernel_forgets, DiskCache* disk_cache) {
  View view;
  view.kernel_forgets = kernel_forgets;
  view.owners = config.stored_owners ? Owners::stored : Owners::view;
  view.uid = config.uid;
  view.gid = config.gid;
  view.umask = config.umask;
  view.tree_nodes_max = config.tree_nodes_max;
  view.kernel_forgets_all = kernel_forgets_all();
  view.read_deadline = config.read_deadline;
  view.write_deadline = config.write_deadline;
  view.disk_cache = disk_cache;
  return view;
}

// What all views share.
struct Daemon {
  Daemon(const FuseConfig& given, const Mounter& mounting, const program::ServiceManager& watching)
      : config(given), mounter(mounting), manager(watching), token(given.token_file) {}
  Daemon(const Daemon&) = delete;
  Daemon& operator=(const Daemon&) = delete;

  const FuseConfig& config;
  const Mounter& mounter;
  const program::ServiceManager& manager;
  SystemClock clock;
  TokenFile token;
  Capabilities told_with = 0;             // the tellers' rights
  std::unique_ptr<DiskCache> disk_cache;  // none: contents end with the daemon
  std::unique_ptr<GrpcStore> store;
  std::unique_ptr<RequestNumbers> numbers;
  bool kernel_forgets = true;
  std::uint64_t handovers = 0;
  std::unique_ptr<ViewSet> views;
  Mutex turn;  // to hand over, or to end
  bool ending GUARDED_BY(turn) = false;

  ChannelConfig channel() {
    ChannelConfig channel;
    channel.address = config.server;
    channel.token = [this] { return token.token(); };
    channel.tls_ca_file = config.tls.ca_file;
    channel.tls_certificate_file = config.tls.certificate_file;
    channel.tls_key_file = config.tls.key_file;
    return channel;
  }

  // What it may not open as the user that it has become is not its own. [S65]
  Status open_disk_cache() {
    if (config.cache_dir.empty()) return success();
    auto opened = DiskCache::open({config.cache_dir, config.server, config.cache_bytes}, clock);
    if (!opened) return std::move(opened).error();
    disk_cache = *std::move(opened);
    return success();
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

  // Once it is known whether the kernel forgets.
  void make_views(Tellers tellers = {}) {
    ViewSet::Config all;
    all.common = common_view(config, kernel_forgets, disk_cache.get());
    all.handed = config.fuse_fds;
    all.on_all_end = [] { ::kill(::getpid(), SIGTERM); };
    all.connected = [this] { return store->connected(); };
    all.heard_since = [this] { return store->heard_since(); };
    views = std::make_unique<ViewSet>(*store, *numbers, mounter, clock, std::move(all),
                                      std::move(tellers));
  }

  // ── To the next daemon [S59] ──

  Terms terms() {
    Terms terms;
    terms.config = config;
    terms.config.mounts = views->specs();
    terms.token = token.held();
    terms.client = store->client();
    terms.mounter_format = Mounter::kFormat;
    terms.mounter = mounter.process();
    terms.mounts = config.fuse_fds.empty();
    terms.kernel_forgets = kernel_forgets;
    for (const auto& view : views->now()) {
      if (view->teller && !view->ended) terms.told.push_back(view->spec.path);
    }
    terms.told_with = told_with;
    terms.manager = manager.place();
    terms.handovers = handovers;
    return terms;
  }

  // Comes back when nobody has taken over.
  void hand_over(ControlServer& control, int connection) {
    const Parley parley(connection);
    const Status ready = hand_over_to(parley, control);
    fusefs::refuse(parley, ready.error());
    log(Severity::warning, "nobody has taken over; this daemon goes on",
        {{"why", ready.error().message}});
  }

  // Who has just taken over hears the server a moment later. What the successor has been told stays
  // so meanwhile: no call on the control socket changes anything. Success never comes back.
  Status hand_over_to(const Parley& parley, ControlServer& control) {
    if (auto may = check_peer(parley); !may) return may;
    const Moment until = clock.now() + kHandoverPause / 2;
    if (!store->await_connected(until)) return server_is_away();
    if (!control.pause(until)) {
      return Error{Code::timed_out, "a call on the control socket is under way: try again"};
    }
    const Terms told = terms();
    Status ready = offer_terms(parley, pack_terms(told), mounter.socket());
    if (ready) ready = stand_still_for(parley, control.listener(), told.config.mounts);
    control.resume();
    return ready;
  }

  // Success never comes back.
  Status stand_still_for(const Parley& parley, int control_listener,
                         const std::vector<ViewSpec>& told) {
    const Lock lock(turn);
    if (ending) return Error{Code::unavailable, "the running daemon is ending"};
    if (!store->connected()) return server_is_away();
    const Moment until = clock.now() + kHandoverPause;
    const Moment at_rest = clock.now() + kHandoverPause / 2;
    if (views->specs() != told) {
      return Error{Code::timed_out, "a view has ended meanwhile: try again"};
    }
    auto parking = Parking::park(views->to_park(), at_rest);
    Status given = parking ? success() : Status(parking.error());
    if (parking) {
      std::vector<int> descriptors = (*parking)->descriptors();
      descriptors.push_back(control_listener);
      given = give_tables(parley, (*parking)->tables(*numbers), descriptors, until);
    }
    if (!given) return given;
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
  Result<Prewarmed> prewarm(const MountedView& view, const std::string& place,
                            std::uint64_t bytes_max, Moment deadline) const {
    if (view.volume->is_whole()) {  // of a larger volume the kernel is not shown all names [S61]
      auto walked = mounter.walk(view.number, place, deadline);
      if (!walked) return std::move(walked).error();
    }
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
    if (disk_cache) disk_cache->measure(to);
    for (const auto& view : views->now()) {
      const Labels labels{{"view", view->spec.path}, {"volume", view->spec.volume}};
      view->volume->measure(to, labels);
      view->session->measure(to, labels);
    }
  }

  // A token counts once the server has opened a volume for it. When it expires.
  Result<Timestamp> renew(const std::string& candidate) {
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
    return (*connected)->token_expires();
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
  parts.disk_cache = [&daemon]() -> std::optional<DiskUse> {
    if (!daemon.disk_cache) return std::nullopt;
    return daemon.disk_cache->use();
  };
  parts.set_frozen = [&daemon](bool frozen) {
    daemon.views->set_frozen(frozen);
    daemon.store->set_frozen(frozen);
    if (frozen) (void)daemon.store->await_frozen(daemon.clock.now() + kFrozenHeard);
  };
  parts.renew_token = [&daemon](const std::string& token) { return daemon.renew(token); };
  parts.hand_over = [&daemon](ControlServer& control, int connection) {
    daemon.hand_over(control, connection);
  };
  parts.handovers = daemon.handovers;
  parts.taken_over = daemon.clock.wall();
  return parts;
}

// While there is one thread.
Result<Tellers> start_tellers(const std::vector<ViewSpec>& views,
                              const std::function<bool(const ViewSpec&)>& told,
                              const std::function<void()>& forget = {}) {
  Tellers tellers;
  for (const ViewSpec& spec : views) {
    std::unique_ptr<Teller> teller;
    if (told(spec)) {
      auto started = Teller::start(spec.path, forget);
      if (!started) return std::move(started).error();
      teller = *std::move(started);
    }
    tellers.push_back(std::move(teller));
  }
  return tellers;
}

Duty duty_of(const FuseConfig& config) {
  return config.cache_dir.empty() ? Duty::serving : Duty::keeping;
}

// While there is one thread, too: what may mount stands apart, and this process may nothing more.
// [S60]
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
  if (auto filtered = filter_syscalls(duty_of(config)); !filtered) return filtered.error();
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
    if (!shown && listener < 0) return refuse("no figures", shown.error());
    if (shown) {
      exporter = *std::move(shown);
      log(Severity::info, "figures", {{"address", "http://" + exporter->address() + "/metrics"}});
    } else {  // views that programs use do not go for that
      log(Severity::error, "no figures", {{"why", shown.error().message}});
    }
  }
  std::vector<std::string> paths;
  for (const ViewSpec& view : daemon.views->specs()) paths.push_back(view.path);
  program::tell_ready(config.ready_fd, paths);

  daemon.manager.ready();

  // Whoever holds a view's lock for ever holds main, too, and is missed.
  program::await_end(ends, daemon.manager, [&daemon] {
    for (const auto& view : daemon.views->now()) (void)view->volume->seq();
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
  auto tellers = start_tellers(
      config.mounts, [&config](const ViewSpec& spec) { return config.inotify && !spec.read_only; });
  if (!tellers) return refuse("nobody can tell watchers", tellers.error());
  const Capabilities told_with = Teller::rights();
  auto mounter = confine(config);
  if (!mounter) return refuse("cannot give up rights", mounter.error());

  Daemon daemon(config, **mounter, manager);
  daemon.told_with = told_with;
  if (auto opened = daemon.open_disk_cache(); !opened) {
    return refuse("--cache-dir", opened.error());
  }
  if (auto connected = daemon.connect(); !connected) {
    return refuse("cannot reach the server", connected.error());
  }
  daemon.kernel_forgets = kernel_forgets(**mounter);
  daemon.make_views(*std::move(tellers));
  if (auto mounted = daemon.views->start(config.mounts); !mounted) {
    return refuse("cannot mount", mounted.error());
  }
  if (config.prewarm) daemon.prewarm_all();
  return show_and_wait(daemon, ends, -1);
}

// Each daemon has tellers of its own: that nobody else has a teller's number can be seen to by its
// parent alone. `terms` and `said`, which they come from, have the token, which is no concern of a
// teller's. [D33]
Result<Tellers> start_tellers_as(Terms& terms, std::string& said) {
  if ((terms.told_with & ~Teller::rights()) != 0 && !terms.told.empty()) {
    return Error{Code::no_access,
                 "the running daemon tells watchers of changes (--inotify) with rights that this "
                 "user has not: take over as root"};
  }
  const auto told = [&terms](const ViewSpec& spec) {
    return std::ranges::find(terms.told, spec.path) != terms.told.end();
  };
  return start_tellers(terms.config.mounts, told, [&terms, &said] {
    for (std::string* secret : {&terms.token.token, &said}) {
      ::explicit_bzero(secret->data(), secret->size());
    }
  });
}

struct Succeeded {
  Terms terms;
  std::unique_ptr<Mounter> mounter;
  Tellers tellers;
};

// What that daemon was told and has become, while there is one thread; as its user and with its
// rights, which are none. [S60]
Result<Succeeded> succeed(const Parley& parley) {
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
  auto tellers = start_tellers_as(*terms, said->text);
  if (!tellers) return std::move(tellers).error();
  std::optional<Identity> identity;
  const Peer peer = parley.peer();
  if (peer.user != ::geteuid()) identity = Identity{peer.user, peer.group};
  if (auto dropped = drop_privileges(identity); !dropped) return dropped.error();
  if (auto filtered = filter_syscalls(duty_of(terms->config)); !filtered) return filtered.error();
  auto mounter = Mounter::adopt(said->descriptors.front(), terms->mounter);
  return Succeeded{*std::move(terms), std::move(mounter), *std::move(tellers)};
}

// Everything but to serve. The descriptor of the control socket's listener.
Result<int> take_views(Daemon& daemon, const Terms& terms, Tellers tellers, const Parley& parley,
                       std::vector<HandedView>& views) {
  daemon.token.hold(terms.token);
  daemon.kernel_forgets = terms.kernel_forgets;
  daemon.handovers = terms.handovers + 1;
  daemon.told_with = terms.told_with;
  if (auto connected = daemon.connect(terms.client); !connected) return connected.error();
  if (auto opened = daemon.open_disk_cache(); !opened) {  // programs go on without it
    log(Severity::warning, "no disk cache", {{"why", opened.error().message}});
  }
  daemon.make_views(std::move(tellers));
  std::vector<Volume> volumes;
  for (const ViewSpec& spec : daemon.config.mounts) {
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
    auto taken = daemon.views->take_over(daemon.config.mounts[i], volumes[i], (*handed)[i],
                                         said->descriptors[i]);
    if (!taken) return std::move(taken).error();
  }
  views = *std::move(handed);
  if (auto owner = say_taken(parley); !owner) return owner.error();
  return said->descriptors.back();
}

int take_over_and_wait(FuseConfig line) {
  // Who runs a program by its descriptor gives it that number for a name.
  ::prctl(PR_SET_NAME, "outboard-fuse");
  const sigset_t ends = program::block_end_signals();
  set_log("outboard-fuse", line.log);
  auto parley = Parley::connect(line.take_over);
  if (!parley) return refuse("cannot take over", parley.error());
  auto succeeded = succeed(*parley);
  if (!succeeded) return refuse("cannot take over", succeeded.error());
  auto& [terms, mounter, tellers] = *succeeded;
  FuseConfig config = terms.config;
  config.ready_fd = line.ready_fd;
  config.log = line.log;
  if (!terms.mounts) config.fuse_fds.assign(config.mounts.size(), -1);  // they come with the tables
  const program::ServiceManager manager(terms.manager);

  Daemon daemon(config, *mounter, manager);
  std::vector<HandedView> views;
  const auto listener = take_views(daemon, terms, std::move(tellers), *parley, views);
  if (!listener) {
    refuse("cannot take over; the running daemon goes on", listener.error());
    std::_Exit(EXIT_FAILURE);  // what is here is that one's: nothing may take it down
  }
  daemon.store->set_frozen(daemon.views->serve(std::move(views)));
  log(Severity::info, "taken over", {{"handovers", std::to_string(daemon.handovers)}});
  (void)parley->await_end(daemon.clock.now() + kHandoverPause);  // its figures' address is free
  return show_and_wait(daemon, ends, *listener);
}

int attach_or_detach(const AttachConfig& config) {
  const Status done = config.attaches ? attach(config.what) : detach(config.what);
  if (done) return EXIT_SUCCESS;
  return program::say("error: " + done.error().message + "\n", EXIT_FAILURE);
}

}  // namespace
}  // namespace outboard::fusefs

int main(int argc, char** argv) {
  outboard::wire::fit_grpc_to_client();
  if (outboard::fusefs::is_attach_line(argc, argv)) {
    const auto line = outboard::fusefs::read_attach_line(argc, argv);
    if (line.config) return outboard::fusefs::attach_or_detach(*line.config);
    return outboard::program::say(line.text, line.exit_code);
  }
  const auto line = outboard::fusefs::read_command_line(argc, argv);
  if (line.config && !line.config->take_over.empty()) {
    return outboard::fusefs::take_over_and_wait(*line.config);
  }
  if (line.config) return outboard::fusefs::mount_and_wait(*line.config);
  return outboard::program::say(line.text, line.exit_code);
}
