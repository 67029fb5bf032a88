#include "bench/store/sql_sides.h"

#include <atomic>
#include <thread>

#include "bench/store/writers.h"
#include "core/digest.h"

namespace outboard::bench {
namespace {

using server::Column;
using server::Params;
using server::Request;
using server::Sql;
using std::chrono::steady_clock;
using Type = Column::Type;

constexpr std::chrono::seconds kWait{60};

constexpr Sql kBegin{"bench_begin", "BEGIN"};
constexpr Sql kCommit{"bench_commit", "COMMIT"};
constexpr Sql kLock{"bench_lock",
                    "SELECT head_seq FROM volumes WHERE id = $1::bigint FOR NO KEY UPDATE"};
constexpr Sql kNodes{
    "bench_nodes",
    "UPDATE inodes n SET size = 1024, modified = $3::bigint, changed = $3::bigint, "
    "version = n.version + 1, digest = t.digest "
    "FROM unnest($2::bigint[], $4::bytea[]) AS t(inode, digest) "
    "WHERE n.volume = $1::bigint AND n.inode = t.inode"};
constexpr Sql kVersions{
    "bench_versions",
    "INSERT INTO versions (volume, inode, version, seq, size, digest, is_text, principal, "
    "client, number, at, data) SELECT $1::bigint, inode, version, seq, 1024, digest, true, "
    "'bench', $6::uuid, seq, $7::bigint, data FROM unnest($2::bigint[], $3::bigint[], "
    "$4::bigint[], $5::bytea[], $8::bytea[]) AS t(inode, version, seq, digest, data)"};
constexpr Sql kChanges{
    "bench_changes",
    "INSERT INTO changes (volume, seq, kind, inode, node_kind, mode, uid, gid, size, links, "
    "accessed, modified, changed, version, digest, path, principal, client, number, at) "
    "SELECT $1::bigint, seq, 4, inode, 0, 420, 0, 0, 1024, 1, $7::bigint, $7::bigint, "
    "$7::bigint, version, digest, '/rows/' || inode, 'bench', $6::uuid, seq, $7::bigint "
    "FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) "
    "AS t(inode, version, seq, digest)"};
constexpr Sql kVolume{"bench_volume",
                      "UPDATE volumes SET head_seq = $2::bigint WHERE id = $1::bigint"};
constexpr Sql kView{"bench_view",
                    "UPDATE memory_files SET content = $2::text "
                    "WHERE org = 'acme' AND volume = 'memory' AND path = $1::text"};
constexpr Sql kMakeFile{"bench_make_file",
                        "INSERT INTO memory_files (org, volume, path, content) "
                        "VALUES ('acme', 'memory', $1::text, 'a')"};
constexpr Sql kUpsert{"bench_upsert",
                      "INSERT INTO bench_upserts (path, content) VALUES ($1::text, $2::text) "
                      "ON CONFLICT (path) DO UPDATE SET content = excluded.content"};

std::string payload(std::uint64_t number) {
  std::string bytes(kPayloadBytes, 'a');
  const std::string mark = std::to_string(number);
  return bytes.replace(0, mark.size(), mark);
}

std::string_view raw(const Sha256& digest) {
  return {reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()};
}

// Each thread its own files, under one volume.
std::atomic<std::uint64_t> next_name{1};

}  // namespace

class SqlWriters::Writer {
 public:
  Writer(server::Connection& connection, Side side, VolumeId volume, client::GrpcStore& store,
         std::size_t batch)
      : connection_(connection), side_(side), volume_(volume), batch_(batch) {
    path_ = "/sql/" + std::to_string(next_name++);
    if (side_ == Side::view) run({{kMakeFile, Params().bytes(path_)}});
    if (side_ != Side::rows) return;
    for (std::size_t i = 0; i < batch_; ++i) {
      Publish publish;
      publish.at = NameRef{std::string("/rows"), std::to_string(next_name++)};
      publish.parents = true;
      publish.bytes = payload(0);
      const auto made =
          must(store.apply(Call::until(in(kWait)), volume_, Batch{{}, 0, {Step{publish, {}}}}));
      inodes_.push_back(made.outcomes.front().node.inode);
      versions_.push_back(made.outcomes.front().node.version.value);
    }
  }

  // How many were committed before `end`.
  std::uint64_t write_until(Moment end) {
    std::uint64_t written = 0;
    while (steady_clock::now() < end) {
      switch (side_) {
        case Side::rows: write_rows(); break;
        case Side::view: run({{kView, Params().bytes(path_).bytes(payload(++number_))}}); break;
        case Side::upserts:
          run({{kUpsert, Params().bytes(path_).bytes(payload(++number_))}});
          break;
      }
      if (steady_clock::now() < end) written += batch_;
    }
    return written;
  }

 private:
  std::vector<server::Rows> run(const std::vector<Request>& requests) {
    return must(connection_.run(requests, in(kWait)));
  }

  void write_rows() {
    const auto locked = run({{kBegin, {}}, {kLock, Params().int8(volume_.value)}});
    std::uint64_t seq = locked[1].count(0, 0);
    const std::int64_t now = steady_clock::now().time_since_epoch().count();
    Column inodes(Type::int8), versions(Type::int8), seqs(Type::int8), digests(Type::bytea);
    Column bodies(Type::bytea);
    for (std::size_t i = 0; i < batch_; ++i) {
      const std::string body = payload(++number_);
      inodes.add(inodes_[i].value);
      versions.add(++versions_[i]);
      seqs.add(++seq);
      digests.add_bytes(raw(sha256(body)));
      bodies.add_bytes(body);
    }
    const auto told = [&] {
      return Params()
          .int8(volume_.value)
          .array(inodes)
          .array(versions)
          .array(seqs)
          .array(digests)
          .uuid(client_)
          .int8(now);
    };
    run({{kNodes, Params().int8(volume_.value).array(inodes).int8(now).array(digests)},
         {kVersions, told().array(bodies)},
         {kChanges, told()},
         {kVolume, Params().int8(volume_.value).int8(seq)},
         {kCommit, {}}});
  }

  server::Connection& connection_;
  const Side side_;
  const VolumeId volume_;
  const std::size_t batch_;
  const Uuid client_ = random_uuid();
  std::string path_;
  std::vector<Inode> inodes_;
  std::vector<std::uint64_t> versions_;
  std::uint64_t number_ = 0;
};

Sessions sessions_with(const Site& site, std::size_t count) {
  Sessions sessions;
  while (sessions.size() < count) sessions.push_back(site.sql());
  return sessions;
}

SqlWriters::SqlWriters(Site& site, Side side, const std::string& name, const Sessions& sessions,
                       std::size_t batch) {
  VolumeId volume;
  if (side == Side::upserts) {
    must(
        site.sql()->execute("CREATE TABLE IF NOT EXISTS bench_upserts (path text PRIMARY KEY, "
                            "content text NOT NULL) WITH (fillfactor = 50)",
                            in(kWait)));
  } else {
    volume = site.volume(name);
  }
  const auto store = site.connect();
  for (const auto& session : sessions) {
    writers_.push_back(std::make_unique<Writer>(*session, side, volume, *store, batch));
  }
}

SqlWriters::~SqlWriters() = default;

double SqlWriters::write_for(std::chrono::milliseconds time) {
  const Moment end = in(time);
  std::atomic<std::uint64_t> written{0};
  std::vector<std::thread> threads;
  for (const auto& writer : writers_) {
    threads.emplace_back([&, one = writer.get()] { written += one->write_until(end); });
  }
  for (auto& thread : threads) thread.join();
  return static_cast<double>(written) * 1'000 / static_cast<double>(time.count());
}

}  // namespace outboard::bench
