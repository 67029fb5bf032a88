#include "server/postgres/snapshot_bodies.h"

#include <iterator>

#include "core/limits.h"
#include "server/postgres/node_rows.h"

namespace outboard::server {
namespace {

constexpr Sql kBodies{
    "content_bodies",
    "SELECT x.inode, x.version, x.data FROM unnest($2::bigint[], $3::bigint[]) "
    "AS asked(inode, version) JOIN " OUTBOARD_ONE_VERSION(
        "$1::bigint", "asked.inode", "asked.version") " x ON NOT x.chunked AND NOT x.redacted"};

// Entries up to the one at `end`, and how many bytes of bodies are asked for with them.
class Slices {
 public:
  explicit Slices(VolumeId volume) : volume_(volume) {}

  void add(std::size_t at, const Node& node) {
    inodes_.add(node.inode.value);
    versions_.add(node.version.value);
    bytes_ += node.attributes.size;
    if (bytes_ >= kPartBytes) close(at + 1);
  }
  void close(std::size_t end) {
    requests.push_back({kBodies, Params().int8(volume_.value).array(inodes_).array(versions_)});
    ends.push_back(end);
    inodes_ = Column(Column::Type::int8);
    versions_ = Column(Column::Type::int8);
    bytes_ = 0;
  }
  bool asks() const { return !requests.empty() || inodes_.size() > 0; }

  std::vector<Request> requests;
  std::vector<std::size_t> ends;

 private:
  const VolumeId volume_;
  Column inodes_{Column::Type::int8};
  Column versions_{Column::Type::int8};
  std::uint64_t bytes_ = 0;
};

bool is_small_file(const Node& node) {
  return node.is(Kind::file) && node.version && node.attributes.size <= kSnapshotBodyBytesMax;
}

}  // namespace

Status take_with_bodies(Connection& connection, const Call& call, VolumeId volume,
                        std::vector<Entry> entries, std::uint64_t& budget,
                        const std::function<void(SnapshotPart)>& take) {
  Slices slices(volume);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const Node& node = entries[i].node;
    if (!is_small_file(node) || node.attributes.size > budget) continue;
    budget -= node.attributes.size;
    slices.add(i, node);
  }
  if (!slices.asks()) {
    take(SnapshotPart{std::move(entries), {}});
    return success();
  }
  if (slices.ends.empty() || slices.ends.back() < entries.size()) slices.close(entries.size());
  auto next = entries.begin();
  return connection.each(slices.requests, call.deadline, [&](std::size_t i, const Rows& rows) {
    const auto end = entries.begin() + static_cast<std::ptrdiff_t>(slices.ends[i]);
    SnapshotPart part;
    part.entries.assign(std::make_move_iterator(next), std::make_move_iterator(end));
    next = end;
    part.bodies.reserve(rows.size());
    for (std::size_t row = 0; row < rows.size(); ++row) {
      part.bodies.emplace_back(ContentKey{Inode{rows.count(row, 0)}, Version{rows.count(row, 1)}},
                               rows.text(row, 2));
    }
    take(std::move(part));
  });
}

}  // namespace outboard::server
