#include "fusefs/config.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <string_view>
#include <system_error>

namespace outboard::fusefs {
namespace {

constexpr const char* kAbout =
    "Shows volumes of an Outboard server as directories, one FUSE session each.\n";

constexpr const char* kExamples =
    "Example:\n"
    "  outboard-fuse --server unix:/run/outboard/server.sock --token-file /run/outboard/token \\\n"
    "      --mount /skills=acme/skills:ro --mount /memory=acme/memory:rw --uid 1000 --gid 1000\n"
    "\n"
    "SIGTERM, SIGINT and SIGHUP publish what is unsaved and unmount. Exit codes: 0 ended as "
    "asked,\n"
    "1 could not start (the message says why), 2 wrong command line.";

// Shorter ones fail on a busy machine whose server is well.
constexpr std::int64_t kDeadlineMsMin = 100;

constexpr const char* kBesideTakeOver =
    "Only --ready-fd, --log and --log-format stand beside --take-over: all else is as the running "
    "daemon was told.\n";

struct Texts {
  std::vector<std::string> mounts;
  std::string umask = "022";
  std::string owners = "view";
  std::string user;
  std::int64_t read_ms = kReadDeadline.count();
  std::int64_t write_ms = kWriteDeadline.count();
};

// Of "5s" or "500ms" the milliseconds, in its place; or what is wrong with it.
std::string to_milliseconds(std::string& text) {
  std::int64_t count = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, count);
  const std::string_view unit(stop, static_cast<std::size_t>(end - stop));
  if (error == std::errc::invalid_argument || (unit != "s" && unit != "ms")) {
    return "\"" + text + "\" is no time with its unit, as in 5s or 500ms";
  }
  const std::int64_t scale = unit == "s" ? 1000 : 1;
  if (error != std::errc() || count < kDeadlineMsMin / scale ||
      count > kCallDeadlineMax.count() / scale || count == 0) {
    return text + " is not between 100ms and 60s";
  }
  text = std::to_string(count * scale);
  return {};
}

void add_deadlines(CLI::App& app, Texts& texts) {
  app.add_option("--read-deadline", texts.read_ms,
                 "How long a read, or the start, waits for the server before it fails: 100ms to "
                 "60s [10s]")
      ->transform(CLI::Validator(to_milliseconds, ""))
      ->type_name("TIME");
  app.add_option("--write-deadline", texts.write_ms,
                 "The same for a close, a sync or a change of names; then EIO [30s]")
      ->transform(CLI::Validator(to_milliseconds, ""))
      ->type_name("TIME");
}

void add_cache_options(CLI::App& app, FuseConfig& config) {
  app.add_option(
         "--cache-dir", config.cache_dir,
         "Keep contents of files in this directory, so that the next daemon on this machine "
         "need not ask for them; daemons of one user may share it. It must be that user's "
         "own and closed to others (mode 0700); none by default")
      ->type_name("DIR");
  app.add_option("--cache-bytes", config.cache_bytes,
                 "What they may take there, 256MiB at least; what was used least recently goes "
                 "first [4GiB]")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(kDiskCacheBytesMin, std::uint64_t{1} << 50U).description(""))
      ->type_name("N")
      ->default_str("");
}

void add_common_options(CLI::App& app, FuseConfig& config) {
  app.add_option("--take-over", config.take_over,
                 "Control socket of a running daemon: go on with its views where it is, and let it "
                 "end. No program notices. What that one was told holds; only --ready-fd, --log "
                 "and --log-format stand beside this")
      ->type_name("SOCKET");
  program::add_ready_option(app, config.ready_fd, "Once mounted, one line per view");
  program::add_log_options(app, config.log);
}

void add_options(CLI::App& app, FuseConfig& config, Texts& texts) {
  app.add_option("--server", config.server, "unix:/path or host:port")
      ->envname("OUTBOARD_SERVER")
      ->required();
  app.add_option("--token-file", config.token_file,
                 "File with the token; read again when it changes, so a token can be renewed")
      ->required()
      ->check(CLI::ExistingFile);
  program::add_client_tls_options(app, config.tls);
  app.add_option("--mount", texts.mounts, "PATH=VOLUME:ro or PATH=VOLUME:rw; may be repeated")
      ->required();
  app.add_option("--uid", config.uid, "Owner that everything is shown with")->capture_default_str();
  app.add_option("--gid", config.gid, "Group that everything is shown with")->capture_default_str();
  app.add_option("--umask", texts.umask, "Octal; bits that modes are shown without")
      ->capture_default_str();
  app.add_option("--owners", texts.owners,
                 "view: everything belongs to --uid and --gid; stored: full POSIX owners and modes")
      ->check(CLI::IsMember({"view", "stored"}))
      ->capture_default_str();
  add_deadlines(app, texts);
  add_cache_options(app, config);
  app.add_option("--tree-nodes", config.tree_nodes_max,
                 "Names that a view holds in memory. A volume with more is not loaded at the "
                 "start: each directory is when somebody looks into it")
      ->check(CLI::NonNegativeNumber.description(""))
      ->type_name("N")
      ->capture_default_str();
  app.add_flag("--prewarm", config.prewarm,
               "Before it is ready, bring all names and small files into the kernel's caches");
  app.add_flag("--inotify", config.inotify,
               "Let programs that watch a writable view (inotify) see what others change there: a "
               "process beside the daemon makes each change once more, and the kernel asks for "
               "names that are not there each time");
  app.add_option("--control", config.control_socket, "Path of the control socket; none by default");
  program::add_metrics_option(app, config.metrics, "They name the views' paths and volumes");
  app.add_option(
         "--user", texts.user,
         "As root: run as this user, 1000 or 1000:100; the token file, the control socket's "
         "directory and PEM files must be open to it")
      ->type_name("UID[:GID]");
  app.add_option(
         "--fuse-fd", config.fuse_fds,
         "Descriptor of /dev/fuse that whoever started this has mounted (mount(2), fd=); one "
         "for each --mount, in their order. It needs no rights then, and unmounts nothing")
      ->check(CLI::Range(0, 1'048'576).description(""))
      ->type_name("FD");
  app.add_option("--allow-mounts", config.allowed,
                 "A directory; views that come later (outboard mount add) may stand beneath it. "
                 "Always at the places of --mount and in the root of a view; may be repeated")
      ->check(CLI::ExistingDirectory.description(""))
      ->type_name("DIR");
  add_common_options(app, config);
}

// A view stands before those inside it.
void sort_views(FuseConfig& config) {
  std::vector<std::pair<ViewSpec, int>> views;
  for (std::size_t i = 0; i < config.mounts.size(); ++i) {
    views.emplace_back(config.mounts[i], config.fuse_fds.empty() ? -1 : config.fuse_fds[i]);
  }
  std::ranges::stable_sort(views, {}, [](const auto& view) { return view.first.path.size(); });
  for (std::size_t i = 0; i < views.size(); ++i) {
    config.mounts[i] = views[i].first;
    if (!config.fuse_fds.empty()) config.fuse_fds[i] = views[i].second;
  }
}

// Where views may come later.
Status check_allowed(FuseConfig& config) {
  for (std::string& path : config.allowed) {
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    if (path.starts_with('/') && path != "/") continue;
    return Error{Code::invalid,
                 "--allow-mounts " + path + " must be an absolute path, and not the root", path};
  }
  if (config.allowed.empty() || config.fuse_fds.empty()) return success();
  return Error{Code::invalid,
               "--allow-mounts means nothing with --fuse-fd: this daemon mounts nothing"};
}

Status finish(FuseConfig& config, const Texts& texts) {
  if (!config.cache_dir.empty() && !config.cache_dir.starts_with('/')) {
    return Error{Code::invalid, "--cache-dir " + config.cache_dir + " must be an absolute path"};
  }
  for (const std::string& text : texts.mounts) {
    auto mount = parse_view(text);
    if (!mount) return Error{Code::invalid, "--mount " + mount.error().message};
    config.mounts.push_back(*std::move(mount));
  }
  if (!texts.user.empty()) {
    auto identity = parse_identity(texts.user);
    if (!identity) return Error{Code::invalid, "--user: " + identity.error().message};
    config.identity = *identity;
  }
  if (!config.fuse_fds.empty() && config.fuse_fds.size() != config.mounts.size()) {
    return Error{Code::invalid,
                 "--fuse-fd is given " + std::to_string(config.fuse_fds.size()) +
                     " times and --mount " + std::to_string(config.mounts.size()) +
                     " times: each view needs its own descriptor, in the same order"};
  }
  if (config.inotify && !config.fuse_fds.empty()) {
    return Error{
        Code::invalid,
        "--inotify needs views that the daemon mounts: whoever hands one in with --fuse-fd "
        "has it where the daemon cannot reach it"};
  }
  std::size_t used = 0;
  const bool octal = texts.umask.find_first_not_of("01234567") == std::string::npos;
  if (!octal || texts.umask.empty() || texts.umask.size() > 4) {
    return Error{Code::invalid, "--umask " + texts.umask + " is no octal number like 022"};
  }
  config.umask = static_cast<std::uint32_t>(std::stoul(texts.umask, &used, 8));
  config.read_deadline = std::chrono::milliseconds(texts.read_ms);
  config.write_deadline = std::chrono::milliseconds(texts.write_ms);
  config.stored_owners = texts.owners == "stored";
  if (auto good = check_places(config.mounts); !good) {
    return Error{good.error().code, "--mount " + good.error().message};
  }
  if (auto good = check_allowed(config); !good) return good;
  sort_views(config);
  return success();
}

}  // namespace

CommandLine read_command_line(int argc, const char* const* argv) {
  FuseConfig config;
  config.uid = ::getuid();
  config.gid = ::getgid();
  Texts texts;
  CLI::App app(kAbout, "outboard-fuse");
  app.footer(kExamples);
  app.set_version_flag("--version", "outboard-fuse " OUTBOARD_VERSION);
  const bool takes_over = std::any_of(argv, argv + argc, [](std::string_view word) {
    return word == "--take-over" || word.starts_with("--take-over=");
  });
  if (takes_over) {
    add_common_options(app, config);
  } else {
    add_options(app, config, texts);
  }
  if (auto ending = program::parse(app, argc, argv)) {
    if (takes_over && ending->exit_code != 0) ending->text += kBesideTakeOver;
    return *ending;
  }
  if (takes_over) return config;
  if (auto good = finish(config, texts); !good) {
    return program::wrong("outboard-fuse", good.error().message);
  }
  return config;
}

}  // namespace outboard::fusefs
