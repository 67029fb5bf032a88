#include "harness/sandboxes/namespaces.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <random>

#include "core/limits.h"
#include "core/path.h"
#include "harness/sandboxes/box.h"
#include "harness/sandboxes/cgroup.h"
#include "harness/sandboxes/exec_client.h"
#include "harness/sandboxes/outer_start.h"
#include "harness/sandboxes/record.h"
#include "harness/sandboxes/replacing.h"

namespace outboard::harness {
namespace {

constexpr unsigned kUsersOfSandbox = 3;
constexpr int kUserTriesMax = 1'000;
// A unix socket's address has 107 bytes; a home is followed by "/run/exec.sock".
constexpr std::size_t kDirectoryBytesMax = 56;

Error unsupported(std::string message) {
  return Error{Code::unsupported, std::move(message), {}};
}

class NamespacesSandbox final : public Sandbox {
 public:
  NamespacesSandbox(const SessionId& session, const SandboxRecord& record, const std::string& home)
      : session_(session),
        generation_(record.generation),
        workspace_(workspace_of(home)),
        outer_(record.outer),
        client_("unix:" + socket_of(home)) {}

  SessionId session() const override { return session_; }
  Generation generation() const override { return generation_; }
  Exec& exec() override { return client_; }
  bool lost() const override { return !outer_.running(); }
  std::string workspace() const override { return workspace_; }

  // Whether the agent that answers is this sandbox's.
  Status check(Moment deadline) {
    auto hello = client_.hello(Epoch{}, deadline);
    if (!hello) return std::move(hello).error();
    if (hello->session == session_ && hello->generation == generation_) return success();
    return Error{Code::unavailable, "another sandbox answers at this one's address; try again",
                 to_string(session_)};
  }

 private:
  const SessionId session_;
  const Generation generation_;
  const std::string workspace_;
  const Process outer_;
  ExecClient client_;
};

Error none_running(const SessionId& session) {
  return Error{Code::not_found,
               "session " + to_string(session) + " has no running sandbox here; create one",
               to_string(session)};
}

Status check_spec(const SandboxSpec& spec) {
  if (!spec.session || !spec.generation) {
    return Error{Code::invalid, "a sandbox needs a session and a generation above 0", {}};
  }
  for (const SandboxView& view : spec.views) {
    const auto stands_in = [&](const SandboxView& other) {
      return other.path == split_last(view.path).first;
    };
    const bool good = check_path(view.path) && view.path != "/" && !view.volume.empty();
    const bool placed = good && (components_of(view.path).size() == 1 ||
                                 std::ranges::any_of(spec.views, stands_in));
    if (placed) continue;
    return Error{Code::unsupported,
                 "view \"" + view.path +
                     "\" is neither one name below /, as \"/skills\", nor one below another view, "
                     "as \"/memory/mine\" with \"/memory\"",
                 view.path};
  }
  if (!spec.views.empty() && (spec.server.empty() || spec.token.empty())) {
    return Error{Code::invalid, "views need the store's address and a token for the daemon", {}};
  }
  return success();
}

// The mount daemon in a sandbox is a user without rights: what is closed to others is closed to it.
Status check_reach(const std::string& server) {
  constexpr std::string_view kUnix = "unix:";
  if (!server.starts_with(kUnix)) return success();
  const std::string socket = server.substr(kUnix.size());
  const std::size_t slash = socket.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : socket.substr(0, slash + 1);
  struct stat found {};
  if (::stat(directory.c_str(), &found) == 0 && (found.st_mode & S_IXOTH) == 0) {
    return Error{Code::invalid,
                 "a sandbox's mount daemon cannot reach " + server +
                     ": it is a user of its own; open the directory with `chmod o+x " + directory +
                     "`, or put the socket into another one",
                 server};
  }
  if (::stat(socket.c_str(), &found) == 0 && (found.st_mode & S_IWOTH) == 0) {
    return Error{Code::invalid,
                 "a sandbox's mount daemon cannot connect to " + server +
                     ": it is a user of its own; open the socket with `chmod o+w " + socket + "`",
                 server};
  }
  return success();
}

OuterPlan plan_of(const SandboxSpec& spec, unsigned first_user) {
  OuterPlan plan;
  plan.session = to_string(spec.session);
  plan.generation = to_string(spec.generation);
  plan.author = spec.author;
  plan.server = spec.server;
  plan.daemon_user = first_user;
  plan.agent_user = first_user + 1;
  plan.command_user = first_user + 2;
  for (const SandboxView& view : spec.views) {
    plan.views.push_back(OuterView{view.path, view.volume, view.writable});
  }
  std::ranges::stable_sort(plan.views, {}, [](const OuterView& at) { return at.path.size(); });
  return plan;
}

Status check_programs(const std::string& programs) {
  const std::string needed[] = {programs + "/outboard-outer", programs + "/outboard-inner",
                                programs + "/outboard-exec", "/usr/bin/bwrap"};
  for (const std::string& path : needed) {
    if (::access(path.c_str(), X_OK) == 0) continue;
    return unsupported(path + " is missing; build or install it (Debian: bubblewrap)");
  }
  return success();
}

}  // namespace

Result<std::unique_ptr<Namespaces>> Namespaces::open(NamespacesConfig config) {
  if (::geteuid() != 0) {
    return unsupported(
        "sandboxes by namespaces need root, to run their three parts under uids of "
        "their own; start the harness as root or choose another provider");
  }
  if (config.directory.empty() || config.directory[0] != '/' ||
      config.directory.size() > kDirectoryBytesMax) {
    return Error{Code::invalid,
                 "the sandboxes' directory \"" + config.directory +
                     "\" must be absolute and at most " + std::to_string(kDirectoryBytesMax) +
                     " bytes long, for sockets below it; choose a shorter one",
                 config.directory};
  }
  if (config.programs.empty()) config.programs = programs_beside_this();
  if (auto found = check_programs(config.programs); !found) return std::move(found).error();
  for (const char* part : {"", "/users"}) {
    if (::mkdir((config.directory + part).c_str(), 0711) != 0 && errno != EEXIST) {
      return Error{Code::unavailable, "cannot make " + config.directory + part, config.directory};
    }
  }
  std::unique_ptr<Namespaces> opened(new Namespaces(std::move(config)));
  // One of its own, at once: where user namespaces are off, this is where it is said.
  SandboxSpec probe;
  probe.session = SessionId{random_uuid()};
  probe.generation = Generation{1};
  const Moment deadline = std::chrono::steady_clock::now() + kSandboxStartWait;
  auto tried = opened->create(probe, deadline);
  auto ended = opened->destroy(probe.session, deadline);
  if (!tried) {
    return unsupported(
        "this machine does not let bubblewrap make a sandbox (are user namespaces "
        "on? sysctl user.max_user_namespaces): " +
        tried.error().message);
  }
  if (!ended) return std::move(ended).error();
  return opened;
}

std::string programs_beside_this() {
  std::array<char, 4096> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size());
  const std::string self(path.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  return self.substr(0, self.rfind('/'));
}

std::string Namespaces::home_of(const SessionId& session) const {
  return config_.directory + "/" + to_string(session);
}

// A random free one of `users`/3 places, made sure of by mkdir: any number of harnesses may ask.
Result<unsigned> Namespaces::take_users(const std::string& home) {
  std::random_device random;
  const unsigned places = config_.users / kUsersOfSandbox;
  for (int i = 0; i < kUserTriesMax && places > 0; ++i) {
    const unsigned place = random() % places;
    const std::string path = config_.directory + "/users/" + std::to_string(place);
    if (::symlink(home.c_str(), path.c_str()) == 0) {
      return config_.first_user + place * kUsersOfSandbox;
    }
    if (errno != EEXIST) break;
  }
  return Error{Code::no_space,
               "no uids are free for a sandbox; destroy some, or give the provider more `users`",
               config_.directory};
}

void Namespaces::reap() {
  bubblewraps_.with([](std::set<pid_t>& pids) {
    std::erase_if(pids, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
  });
}

void Namespaces::give_back_users(unsigned first_user) {
  const unsigned place = (first_user - config_.first_user) / kUsersOfSandbox;
  ::unlink((config_.directory + "/users/" + std::to_string(place)).c_str());
}

Result<std::shared_ptr<Sandbox>> Namespaces::open(const SessionId& session, Moment deadline) {
  reap();
  const std::string home = home_of(session);
  const auto record = read_record(record_of(home));
  if (!record) return none_running(session);
  auto sandbox = std::make_shared<NamespacesSandbox>(session, *record, home);
  if (sandbox->lost()) return none_running(session);
  if (auto checked = sandbox->check(deadline); !checked) {
    if (sandbox->lost()) return none_running(session);
    return std::move(checked).error();
  }
  return std::shared_ptr<Sandbox>(std::move(sandbox));
}

Result<ProcessId> Namespaces::begin(const SandboxSpec& spec, const std::string& home,
                                    const std::string& cgroup, unsigned first_user,
                                    Moment deadline) {
  auto outer =
      OuterStart::start(plan_of(spec, first_user), home, config_.programs, cgroup, deadline);
  if (!outer) return std::move(outer).error();
  const ProcessId id = (*outer)->outer();
  bubblewraps_.with([&](std::set<pid_t>& pids) { pids.insert((*outer)->bubblewrap()); });
  // It does nothing before this is on disk: what runs is always known of.
  if (auto kept = write_record(record_of(home), {spec.generation, first_user, id, cgroup}); !kept) {
    return std::move(kept).error();
  }
  if ((*outer)->go(deadline)) return id;
  return Error{Code::unavailable,
               "the sandbox did not become ready; its programs said:" + last_words(home),
               to_string(spec.session)};
}

Result<std::shared_ptr<Sandbox>> Namespaces::create(const SandboxSpec& spec, Moment deadline) {
  if (auto checked = check_spec(spec); !checked) return std::move(checked).error();
  const std::string daemon = config_.programs + "/outboard-fuse";
  if (!spec.views.empty() && ::access(daemon.c_str(), X_OK) != 0) {
    return unsupported(daemon + " is missing, and views need it; build or install it");
  }
  if (!spec.views.empty()) {
    if (auto reached = check_reach(spec.server); !reached) return std::move(reached).error();
  }
  const std::string home = home_of(spec.session);
  const BoxLock lock(config_.directory, spec.session);
  auto record = read_record(record_of(home));
  if (record && Process(record->outer).running()) {
    return Error{Code::exists, "the session's sandbox is running; open it",
                 to_string(spec.session)};
  }
  if (record && spec.generation <= record->generation) {
    return Error{Code::fenced,
                 "generation " + to_string(spec.generation) + " is not above " +
                     to_string(record->generation) + ", which was here; stop at once",
                 to_string(spec.session)};
  }
  ::mkdir(home.c_str(), 0711);
  if (record) {
    if (auto cleared = end(home, deadline); !cleared) return std::move(cleared).error();
  } else {
    auto users = take_users(home);
    if (!users) return std::move(users).error();
    record = SandboxRecord{Generation{}, *users, {}, {}};
  }
  // What follows may fail half way; the record lets destroy() and the next create() clear it away.
  record->outer = ProcessId{};
  record->cgroup =
      make_cgroup(config_.freeze_by, "outboard-" + to_string(spec.session), record->first_user + 1);
  if (auto kept = write_record(record_of(home), *record); !kept) return std::move(kept).error();
  if (auto prepared = prepare_box(home, spec, record->first_user); !prepared) {
    return std::move(prepared).error();
  }
  auto begun = begin(spec, home, record->cgroup, record->first_user, deadline);
  if (!begun) {
    (void)end(home, deadline);
    return std::move(begun).error();
  }
  record->generation = spec.generation;
  record->outer = *begun;
  auto sandbox = std::make_shared<NamespacesSandbox>(spec.session, *record, home);
  if (auto checked = sandbox->check(deadline); !checked) return std::move(checked).error();
  return std::shared_ptr<Sandbox>(std::move(sandbox));
}

// In order while there is time (the mounts publish what they have), then by force.
Status Namespaces::end(const std::string& home, Moment deadline) {
  const auto record = read_record(record_of(home));
  if (!record) return success();
  const Process outer(record->outer);
  thaw_cgroup(record->cgroup);
  outer.signal(SIGTERM);
  if (!outer.wait(deadline - kInnerAnswerWait / 5)) {
    outer.signal(SIGKILL);
    if (!outer.wait(deadline)) {
      return Error{Code::timed_out, "the sandbox has not ended yet, though killed; try again",
                   home};
    }
  }
  remove_cgroup(record->cgroup);
  reap();
  return success();
}

Status Namespaces::destroy(const SessionId& session, Moment deadline) {
  const std::string home = home_of(session);
  const BoxLock lock(config_.directory, session);
  const auto record = read_record(record_of(home));
  if (auto ended = end(home, deadline); !ended) return ended;
  if (auto removed = remove_tree(home); !removed) return removed;
  if (record) give_back_users(record->first_user);
  return success();
}

Result<std::vector<SessionId>> Namespaces::sessions() {
  return sessions_in(config_.directory);
}

}  // namespace outboard::harness
