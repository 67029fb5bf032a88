// The methods of StoreService that answer with a stream: many contents, a snapshot, all versions.

#include <unordered_map>

#include "proto/convert.h"
#include "server/rpc/produced.h"
#include "server/rpc/store_service.h"

namespace outboard::server {
namespace {

using wire::Faults;

// Gathers small parts into messages of about kPartBytes and cuts large contents.
class ContentCutter {
 public:
  ContentCutter(Seq seq, PartStream<v1::ReadManyResponse>& to) : seq_(seq), to_(to) {}

  // False: nobody reads any more.
  bool take(std::uint32_t index, const Result<Content>& content) {
    if (!content) {
      auto* part = add(index);
      wire::write(content.error(), part->mutable_error());
      return flush_when(kPartBytes);
    }
    std::size_t sent = 0;
    do {
      const std::size_t size = std::min(kPartBytes, content->bytes.size() - sent);
      auto* part = add(index);
      part->set_version(content->version.value);
      part->set_size(content->size);
      part->set_bytes(content->bytes.substr(sent, size));
      bytes_ += size;
      sent += size;
      if (!flush_when(kPartBytes)) return false;
    } while (sent < content->bytes.size());
    return true;
  }

  bool flush_when(std::size_t least) {
    if (message_.parts_size() == 0 || bytes_ < least) return true;
    message_.set_seq(seq_.value);
    bytes_ = 0;
    return to_.send(std::exchange(message_, {}));
  }

 private:
  v1::ContentPart* add(std::uint32_t index) {
    constexpr std::size_t kEnvelopeBytes = 64;
    bytes_ += kEnvelopeBytes;
    auto* part = message_.add_parts();
    part->set_index(index);
    return part;
  }

  const Seq seq_;
  PartStream<v1::ReadManyResponse>& to_;
  v1::ReadManyResponse message_;
  std::size_t bytes_ = 0;
};

// What is gathered for one message of a snapshot: little, so that the client reads one while the
// next is made.
constexpr std::size_t kSnapshotMessageBytes = kPartBytes / 4;
// An entry on the wire without its name and target, about.
constexpr std::size_t kEntryBytes = 128;

// Cuts a part of the store's into messages; a file's body travels with its entry. False: nobody
// reads any more.
bool send_snapshot(SnapshotPart part, PartStream<v1::SnapshotResponse>& to) {
  std::unordered_map<Inode, std::size_t> body_of;
  for (std::size_t i = 0; i < part.bodies.size(); ++i) {
    body_of.emplace(part.bodies[i].first.inode, i);
  }
  const auto begun = [&part] {
    v1::SnapshotResponse message;
    message.set_loaded(part.loaded);
    return message;
  };
  v1::SnapshotResponse message = begun();
  std::size_t bytes = 0;
  for (const Entry& entry : part.entries) {
    wire::write(entry, message.add_entries());
    bytes += kEntryBytes + entry.dentry.name.size() + entry.node.target.size();
    if (const auto found = body_of.find(entry.node.inode); found != body_of.end()) {
      auto& [key, content] = part.bodies[found->second];
      bytes += content.size();
      auto* body = message.add_bodies();
      body->set_inode(key.inode.value);
      body->set_version(key.version.value);
      body->set_bytes(std::move(content));
      body_of.erase(found);  // a second name of it does not carry it again
    }
    if (bytes < kSnapshotMessageBytes) continue;
    if (!to.send(std::exchange(message, begun()))) return false;
    bytes = 0;
  }
  return message.entries_size() == 0 || to.send(std::move(message));
}

}  // namespace

grpc::ServerWriteReactor<v1::ReadManyResponse>* StoreService::ReadMany(
    Context* context, const v1::ReadManyRequest* request) {
  using Parts = PartStream<v1::ReadManyResponse>;
  const auto body = [this, request](const Call& call, Parts& parts) -> Status {
    if (static_cast<std::size_t>(request->keys_size()) > kReadManyMax) {
      Error error;
      error.code = Code::invalid;
      error.message = std::to_string(request->keys_size()) + " contents asked for; " +
                      std::to_string(kReadManyMax) + " at most: ask in several";
      return error;
    }
    std::vector<ContentKey> keys;
    for (const auto& key : request->keys()) {
      keys.push_back({Inode{key.inode()}, Version{key.version()}});
    }
    auto contents = desk_.store.read_many(call, VolumeId{request->volume()}, keys);
    if (!contents) return contents.error();
    ContentCutter cutter(contents->seq, parts);
    std::uint32_t index = 0;
    for (const auto& content : contents->value) {
      if (!cutter.take(index++, content)) return reader_gone();
    }
    if (!cutter.flush_when(0)) return reader_gone();
    return success();
  };
  return produced<v1::ReadManyResponse>(desk_, context, body);
}

grpc::ServerWriteReactor<v1::SnapshotResponse>* StoreService::Snapshot(
    Context* context, const v1::SnapshotRequest* request) {
  using Parts = PartStream<v1::SnapshotResponse>;
  const auto body = [this, request](const Call& call, Parts& parts) -> Status {
    Faults faults;
    const SnapshotQuery query{wire::read(request->at(), faults), request->bodies_bytes_max()};
    if (faults) return faults.error();
    bool read = true;  // once nobody reads, the rest is dropped
    auto seq = desk_.store.snapshot(call, VolumeId{request->volume()}, query,
                                    [&parts, &read](SnapshotPart part) {
                                      read = read && send_snapshot(std::move(part), parts);
                                    });
    if (!seq) return seq.error();
    v1::SnapshotResponse last;
    last.set_seq(seq->value);
    last.set_last(true);
    if (!read || !parts.send(std::move(last))) return reader_gone();
    return success();
  };
  return produced<v1::SnapshotResponse>(desk_, context, body);
}

grpc::ServerWriteReactor<v1::VersionsResponse>* StoreService::Versions(
    Context* context, const v1::VersionsRequest* request) {
  using Parts = PartStream<v1::VersionsResponse>;
  const auto body = [this, request](const Call& call, Parts& parts) -> Status {
    Faults faults;
    const NodeRef node = wire::read(request->node(), faults);
    if (faults) return faults.error();
    auto versions = desk_.store.versions(call, VolumeId{request->volume()}, node);
    if (!versions) return versions.error();
    std::size_t next = 0;
    do {
      v1::VersionsResponse message;
      message.set_seq(versions->seq.value);
      for (; next < versions->value.size(); ++next) {
        if (static_cast<std::size_t>(message.versions_size()) == kPageEntriesMax) break;
        wire::write(versions->value[next], message.add_versions());
      }
      if (!parts.send(std::move(message))) return reader_gone();
    } while (next < versions->value.size());
    return success();
  };
  return produced<v1::VersionsResponse>(desk_, context, body);
}

}  // namespace outboard::server
