#include "server/cluster.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <utility>

namespace outboard::server {
namespace {

namespace fs = std::filesystem;

// Statements for Postgres' single-user mode, one a line.
constexpr std::string_view kFirstStatements =
    "CREATE ROLE outboard LOGIN CREATEROLE\n"
    "GRANT pg_read_all_stats TO outboard\n"
    "CREATE DATABASE outboard OWNER outboard\n";

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end == text.data()) return std::nullopt;
  return value;
}

bool has_programs(const fs::path& directory) {
  return ::access((directory / "postgres").c_str(), X_OK) == 0 &&
         ::access((directory / "initdb").c_str(), X_OK) == 0;
}

std::vector<std::string> plain_environment() {
  return {"PATH=/usr/bin:/bin", "LC_ALL=C", "TZ=UTC"};
}

// "postgres (PostgreSQL) 15.14 (Debian …)".
std::optional<int> major_of(const fs::path& directory) {
  const ChildCommand ask{{(directory / "postgres").string(), "--version"}, plain_environment()};
  const auto said = run_to_end(ask, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  if (!said) return std::nullopt;
  const std::size_t at = said->find(") ");
  return at == std::string::npos ? std::nullopt : number(std::string_view(*said).substr(at + 2));
}

Error cannot(std::string_view what, const std::string& path, int reason) {
  return Error{Code::unavailable,
               "cannot " + std::string(what) + " " + path + ": " + std::strerror(reason), path};
}

Status make_private_directory(const std::string& path, const std::optional<Account>& owner) {
  if (::mkdir(path.c_str(), 0700) != 0) return cannot("make", path, errno);
  if (owner && ::chown(path.c_str(), owner->uid, owner->gid) != 0) {
    return cannot("give to user " + owner->name, path, errno);
  }
  return success();
}

// All of the file system that holds `path`: one flush, where Postgres' programs would sync a
// thousand files one by one (measured on a busy disk: 0.1 s for 5 s).
Status sync_all(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return cannot("open", path, errno);
  const int failed = ::syncfs(fd) == 0 ? 0 : errno;
  ::close(fd);
  if (failed != 0) return cannot("write to disk", path, failed);
  return success();
}

std::string setting(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + std::string(value);
}

}  // namespace

std::vector<Binaries> installed_binaries(const std::string& root, std::string_view path) {
  std::vector<Binaries> found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root, ignored)) {
    const auto major = number(entry.path().filename().string());
    if (major && has_programs(entry.path() / "bin")) {
      found.push_back({(entry.path() / "bin").string(), *major});
    }
  }
  std::ranges::sort(found, std::ranges::greater{}, &Binaries::major);
  while (!path.empty()) {
    const std::string_view directory = path.substr(0, path.find(':'));
    path.remove_prefix(std::min(path.size(), directory.size() + 1));
    if (directory.empty() || directory.front() != '/' || !has_programs(directory)) continue;
    if (const auto major = major_of(directory)) found.push_back({std::string(directory), *major});
    break;
  }
  return found;
}

Result<Binaries> choose_binaries(const std::vector<Binaries>& installed,
                                 std::optional<int> cluster_major) {
  for (const Binaries& binaries : installed) {
    const bool fits =
        cluster_major ? binaries.major == *cluster_major : binaries.major >= kPostgresMajorMin;
    if (fits) return binaries;
  }
  if (cluster_major) {
    const std::string major = std::to_string(*cluster_major);
    return Error{Code::unavailable,
                 "this data directory was made by Postgres " + major +
                     ", whose programs are not installed: install the package postgresql-" + major +
                     ", or move the data to a newer one with pg_upgrade",
                 "postgresql-" + major};
  }
  return Error{Code::unavailable,
               "no Postgres of version " + std::to_string(kPostgresMajorMin) +
                   " or newer is installed: install the package postgresql (Debian, Ubuntu), or "
                   "name a database of your own with --database",
               "postgresql"};
}

std::optional<int> cluster_major(const std::string& cluster) {
  std::ifstream file(cluster + "/PG_VERSION");
  std::string line;
  std::getline(file, line);
  return number(line);
}

Status make_cluster(const Binaries& binaries, const std::string& cluster,
                    const std::optional<Account>& run_as, Moment deadline) {
  const std::string draft = cluster + ".new";
  std::error_code failed;
  fs::remove_all(draft, failed);
  if (failed) return cannot("remove the half-made", draft, failed.value());
  if (auto made = make_private_directory(draft, run_as); !made) return made;

  ChildCommand command{{binaries.directory + "/initdb", "--pgdata=" + draft, "--username=postgres",
                        "--encoding=UTF8", "--locale=C", "--data-checksums", "--auth-local=trust",
                        "--auth-host=reject", "--no-instructions", "--no-sync"},
                       plain_environment(),
                       run_as};
  if (auto made = run_to_end(command, deadline); !made) return made.error();

  command.arguments = {binaries.directory + "/postgres",
                       "--single",
                       "-D",
                       draft,
                       "-c",
                       "exit_on_error=on",
                       "-c",
                       "fsync=off",
                       "template1"};
  command.input = kFirstStatements;
  if (auto done = run_to_end(command, deadline); !done) return done.error();
  if (auto kept = sync_all(draft); !kept) return kept;
  if (::rename(draft.c_str(), cluster.c_str()) != 0) return cannot("make", cluster, errno);
  return sync_all(cluster);
}

ChildCommand postgres_command(const Binaries& binaries, const ClusterSettings& settings,
                              const std::optional<Account>& run_as) {
  const std::vector<std::string> values = {
      setting("listen_addresses", ""),
      setting("unix_socket_directories", settings.socket_directory),
      setting("unix_socket_permissions", "0700"),
      setting("max_connections", std::to_string(settings.connections)),
      setting("shared_buffers", std::to_string(settings.shared_buffers_mib) + "MB"),
      // Close means kept: these three are the promise.
      setting("fsync", "on"),
      setting("synchronous_commit", "on"),
      setting("full_page_writes", "on"),
      setting("wal_compression", "lz4"),
      setting("wal_buffers", "16MB"),
      setting("min_wal_size", "256MB"),
      setting("max_wal_size", "2GB"),
      setting("checkpoint_timeout", "15min"),
      setting("random_page_cost", "1.1"),
      setting("jit", "off"),
      // The server has no transaction open for longer than a commit takes; people forget theirs.
      setting("idle_in_transaction_session_timeout", "5min"),
      // Its lines become lines of the server's log. Statements stay out: they carry file contents.
      setting("logging_collector", "off"),
      setting("log_destination", "stderr"),
      setting("log_line_prefix", ""),
      setting("log_min_messages", "warning"),
      setting("log_min_error_statement", "panic"),
      setting("log_error_verbosity", "terse"),
      setting("log_checkpoints", "off"),
      setting("update_process_title", "off"),
  };
  ChildCommand command{
      {binaries.directory + "/postgres", "-D", settings.cluster}, plain_environment(), run_as};
  for (const std::string& value : values) {
    command.arguments.push_back("-c");
    command.arguments.push_back(value);
  }
  command.death_signal = SIGINT;  // its fast shutdown
  return command;
}

std::uint64_t shared_buffers_for(std::uint64_t memory_bytes) {
  return std::clamp<std::uint64_t>((memory_bytes / 8) >> 20U, 64, 1024);
}

std::optional<PostmasterFile> read_postmaster_file(const std::string& cluster) {
  std::ifstream file(cluster + "/postmaster.pid");
  PostmasterFile found;
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;
  found.pid = number(line).value_or(0);
  constexpr int kStatusLine = 8;
  for (int at = 2; at <= kStatusLine && std::getline(file, line); ++at) {
    if (at == kStatusLine) found.ready = line.starts_with("ready");
  }
  return found;
}

std::vector<pid_t> postgres_processes_in(const std::string& cluster) {
  std::vector<pid_t> found;
  struct stat home {};
  if (::stat(cluster.c_str(), &home) != 0) return found;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/proc", ignored)) {
    const auto pid = number(entry.path().filename().string());
    if (!pid) continue;
    struct stat cwd {};
    // A zombie has no working directory: stat fails, as it does for another user's process.
    if (::stat((entry.path() / "cwd").c_str(), &cwd) != 0) continue;
    if (cwd.st_dev != home.st_dev || cwd.st_ino != home.st_ino) continue;
    std::ifstream file(entry.path() / "comm");
    std::string name;
    std::getline(file, name);
    if (name == "postgres" || name == "postmaster") found.push_back(*pid);
  }
  return found;
}

}  // namespace outboard::server
