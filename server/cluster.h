// The private Postgres on disk: which programs run it, how its directory comes to be, with which
// settings it starts, and who still lives in it. Embedded decides when; this says how.
//
// data_dir/postgres is the cluster, data_dir/socket the only way in (a directory of mode 0700).
// No libpq here: it is reached like any other database, by its URL.
//
// Why trust on that socket: who can open a socket in a directory of mode 0700 is its owner or root,
// and both could rewrite the cluster's files anyway. A server that runs as root still passes, where
// peer authentication would refuse it. The server connects as the role `outboard`, which owns its
// database and may create roles, but is no superuser: what it can do here it can do on a managed
// Postgres, too.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "server/child_process.h"

namespace outboard::server {

// The oldest Postgres whose features the schema uses.
inline constexpr int kPostgresMajorMin = 15;

struct Binaries {
  std::string directory;  // holds postgres and initdb
  int major = 0;
};

// All installed ones under `root`/<major>/bin, newest first, then the first on `path` (as PATH).
std::vector<Binaries> installed_binaries(const std::string& root, std::string_view path);

// The ones for this cluster: of its own major version, or the newest for one to be made.
// unavailable: none fits; the message names the package that has them.
Result<Binaries> choose_binaries(const std::vector<Binaries>& installed,
                                 std::optional<int> cluster_major);

// The major version that made the cluster; nothing when there is no cluster yet.
std::optional<int> cluster_major(const std::string& cluster);

// Makes the cluster, with the role and the database `outboard`, next to its place and renames it
// into it: one half made by a killed server is never mistaken for a whole one.
Status make_cluster(const Binaries& binaries, const std::string& cluster,
                    const std::optional<Account>& run_as, Moment deadline);

struct ClusterSettings {
  std::string cluster;
  std::string socket_directory;
  std::size_t connections = 200;  // a server has up to 60; the rest is for other servers and psql
  std::uint64_t shared_buffers_mib = 128;
};

// How `postgres` is started on it: settings as arguments, so that the cluster's files stay as
// initdb wrote them and an upgraded server brings its own.
ChildCommand postgres_command(const Binaries& binaries, const ClusterSettings& settings,
                              const std::optional<Account>& run_as);

// An eighth of the memory, between 64 MiB and 1 GiB.
std::uint64_t shared_buffers_for(std::uint64_t memory_bytes);

// What postmaster.pid says. Postgres writes the status last: "ready" means connections are taken.
struct PostmasterFile {
  pid_t pid = 0;
  bool ready = false;
};
std::optional<PostmasterFile> read_postmaster_file(const std::string& cluster);

// The live (not zombie) Postgres processes whose working directory is the cluster.
std::vector<pid_t> postgres_processes_in(const std::string& cluster);

// Waits until none is left (those of a killed server are on their way out; stopped ones are let go
// on, so that they can), then removes the
// postmaster.pid of the dead: a zombie's, or one whose number is somebody else's by now, would
// keep Postgres from starting. unavailable: one still lives at the deadline; the message says how
// to stop it.
Status clear_the_way(const std::string& cluster, Moment deadline);

// True when `directory` fits a socket's address (107 bytes) with Postgres' file name in it.
bool fits_a_socket(std::string_view directory);

// "postgresql://outboard@/outboard?host=%2Fvar%2F…".
std::string cluster_url(std::string_view socket_directory);

}  // namespace outboard::server
