#include "client/grpc_store.h"

#include <atomic>

#include "client/channel.h"
#include "client/large_batch.h"
#include "client/lock_calls.h"
#include "client/watch_stream.h"
#include "outboard/v1/store.grpc.pb.h"
#include "proto/convert.h"
#include "proto/convert_batch.h"
#include "proto/convert_search.h"

namespace outboard::client {
namespace {

using wire::Faults;

Error cut_stream(std::string_view what) {
  Error error;
  error.code = Code::unavailable;
  error.message = std::string(what) + " was cut before its end; ask again";
  return error;
}

}  // namespace

// Declaration order is the shutdown order, reversed.
struct GrpcStore::Parts {
  explicit Parts(std::unique_ptr<Channel> opened)
      : channel(std::move(opened)),
        stub(v1::StoreService::NewStub(channel->channel())),
        watch(*channel) {}

  // A question: asked again while the server is unavailable.
  template <class Request, class Response>
  Status read(const Call& call,
              grpc::Status (v1::StoreService::Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
              const Request& request, Response* response) {
    return ask(
        *channel, bounded(call.deadline, kReadDeadline), Again::yes,
        [&](grpc::ClientContext& context) {
          return (stub.get()->*method)(&context, request, response);
        },
        call.given_up);
  }

  std::unique_ptr<Channel> channel;
  std::unique_ptr<v1::StoreService::Stub> stub;
  std::atomic<std::int64_t> token_expires_ms = 0;
  LockCalls locks{*channel, *stub};
  WatchStream watch;
};

using Stub = v1::StoreService::Stub;

Result<std::unique_ptr<GrpcStore>> GrpcStore::connect(const ChannelConfig& config,
                                                      Moment deadline) {
  auto channel = Channel::connect(config, deadline);
  if (!channel) return channel.error();
  return std::unique_ptr<GrpcStore>(new GrpcStore(std::make_unique<Parts>(*std::move(channel))));
}

GrpcStore::GrpcStore(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
GrpcStore::~GrpcStore() = default;

ClientId GrpcStore::client() const {
  return parts_->channel->client();
}
const std::string& GrpcStore::server_version() const {
  return parts_->channel->server_version();
}
bool GrpcStore::connected() const {
  return parts_->watch.connected();
}
bool GrpcStore::await_connected(Moment deadline) {
  return parts_->watch.await_connected(deadline);
}
Moment GrpcStore::current_as_of() const {
  return parts_->watch.current_as_of();
}
Moment GrpcStore::heard_since() const {
  return parts_->watch.heard_since();
}
void GrpcStore::stop_watching() {
  parts_->watch.stop();
}
void GrpcStore::set_frozen(bool frozen) {
  parts_->watch.set_frozen(frozen);
}
bool GrpcStore::await_frozen(Moment deadline) {
  return parts_->watch.await_frozen(deadline);
}

Result<Volume> GrpcStore::open_volume(const Call& call, std::string_view name) {
  v1::OpenVolumeRequest request;
  request.set_name(std::string(name));
  v1::OpenVolumeResponse response;
  const Status asked = parts_->read(call, &Stub::OpenVolume, request, &response);
  if (!asked) return asked.error();
  parts_->token_expires_ms = response.token_expires_unix_ms();
  Faults faults;
  Volume opened = wire::read(response.volume(), faults);
  return faults.or_error(std::move(opened));
}

Timestamp GrpcStore::token_expires() const {
  return Timestamp{parts_->token_expires_ms * kNanosPerMilli};
}

Result<Volume> GrpcStore::describe(const Call& call, VolumeId volume) {
  v1::OpenVolumeRequest request;
  request.set_id(volume.value);
  v1::OpenVolumeResponse response;
  const Status asked = parts_->read(call, &Stub::OpenVolume, request, &response);
  if (!asked) return asked.error();
  Faults faults;
  Volume described = wire::read(response.volume(), faults);
  return faults.or_error(std::move(described));
}

Status GrpcStore::settle(const Call& call, VolumeId volume, Seq seq) {
  v1::SettleRequest request;
  request.set_volume(volume.value);
  request.set_seq(seq.value);
  v1::SettleResponse response;
  return parts_->read(call, &Stub::Settle, request, &response);
}

Result<Applied> GrpcStore::apply(const Call& call, VolumeId volume, const Batch& batch) {
  // A limit broken here would be broken there; no need to send 256 MiB to hear it.
  if (auto good = check_batch(batch); !good) return good.error();
  const Moment deadline = bounded(call.deadline, kWriteDeadline);
  const Again again = batch.request.client ? Again::yes : Again::no;
  v1::ApplyResponse response;
  v1::ApplyRequest request;
  const bool small = bytes_of(batch) <= kMessageBytesMax - kPartBytes;
  if (small) {
    request.set_volume(volume.value);
    wire::write(batch, request.mutable_batch());
  }
  const bool one_message = small && request.ByteSizeLong() <= kMessageBytesMax;
  const auto attempt = [&](grpc::ClientContext& context) {
    if (one_message) return parts_->stub->Apply(&context, request, &response);
    return send_in_parts(*parts_->stub, context, volume, batch, &response);
  };
  const Status asked = ask(*parts_->channel, deadline, again, attempt, call.given_up);
  if (!asked) return asked.error();
  Faults faults;
  Applied applied = wire::read(response, faults);
  return faults.or_error(std::move(applied));
}

Result<At<Entry>> GrpcStore::lookup(const Call& call, VolumeId volume, const NameRef& name,
                                    const ReadAt& at) {
  v1::LookupRequest request;
  request.set_volume(volume.value);
  wire::write(name, request.mutable_name());
  wire::write(at, request.mutable_at());
  v1::LookupResponse response;
  const Status asked = parts_->read(call, &Stub::Lookup, request, &response);
  if (!asked) return asked.error();
  Faults faults;
  At<Entry> entry{wire::read(response.entry(), faults), Seq{response.seq()}};
  return faults.or_error(std::move(entry));
}

Result<At<Node>> GrpcStore::attributes(const Call& call, VolumeId volume, const NodeRef& node,
                                       const ReadAt& at) {
  v1::GetAttributesRequest request;
  request.set_volume(volume.value);
  wire::write(node, request.mutable_node());
  wire::write(at, request.mutable_at());
  v1::GetAttributesResponse response;
  const Status asked = parts_->read(call, &Stub::GetAttributes, request, &response);
  if (!asked) return asked.error();
  Faults faults;
  At<Node> found{wire::read(response.node(), faults), Seq{response.seq()}};
  return faults.or_error(std::move(found));
}

Result<At<Page>> GrpcStore::list(const Call& call, VolumeId volume, const NodeRef& directory,
                                 std::string_view after, std::uint32_t limit, const ReadAt& at) {
  v1::ListRequest request;
  request.set_volume(volume.value);
  wire::write(directory, request.mutable_directory());
  request.set_after(std::string(after));
  request.set_limit(limit);
  wire::write(at, request.mutable_at());
  v1::ListResponse response;
  const Status asked = parts_->read(call, &Stub::List, request, &response);
  if (!asked) return asked.error();
  Faults faults;
  At<Page> page{{}, Seq{response.seq()}};
  page.value.entries.reserve(static_cast<std::size_t>(response.entries_size()));
  for (const auto& entry : response.entries()) {
    page.value.entries.push_back(wire::read(entry, faults));
  }
  page.value.next = response.next();
  return faults.or_error(std::move(page));
}

Result<At<Content>> GrpcStore::read(const Call& call, VolumeId volume, Inode inode, Version version,
                                    std::uint64_t offset, std::size_t size) {
  v1::ReadRequest request;
  request.set_volume(volume.value);
  request.set_inode(inode.value);
  request.set_version(version.value);
  request.set_offset(offset);
  request.set_size(size);
  v1::ReadResponse response;
  const Status asked = parts_->read(call, &Stub::Read, request, &response);
  if (!asked) return asked.error();
  return At<Content>{
      {Version{response.version()}, response.size(), std::move(*response.mutable_bytes())},
      Seq{response.seq()}};
}

Result<At<std::vector<Result<Content>>>> GrpcStore::read_many(const Call& call, VolumeId volume,
                                                              const std::vector<ContentKey>& keys) {
  v1::ReadManyRequest request;
  request.set_volume(volume.value);
  for (const ContentKey& key : keys) {
    auto* to = request.add_keys();
    to->set_inode(key.inode.value);
    to->set_version(key.version.value);
  }
  At<std::vector<Result<Content>>> contents;
  std::vector<bool> heard;
  const auto take = [&](v1::ContentPart& part) {
    if (part.index() >= keys.size()) return;
    heard[part.index()] = true;
    auto& content = contents.value[part.index()];
    if (part.has_error()) {
      content = wire::read(part.error());
      return;
    }
    content->version = Version{part.version()};
    content->size = part.size();
    if (content->bytes.empty()) {
      content->bytes = std::move(*part.mutable_bytes());
      content->bytes.reserve(std::min<std::uint64_t>(part.size(), kFileBytesMax));
    } else {
      content->bytes += part.bytes();
    }
  };
  const Moment deadline = bounded(call.deadline, kReadDeadline);
  const Status asked = ask(
      *parts_->channel, deadline, Again::yes,
      [&](grpc::ClientContext& context) {
        contents.value.assign(keys.size(), Content{});
        heard.assign(keys.size(), false);
        const auto reader = parts_->stub->ReadMany(&context, request);
        v1::ReadManyResponse response;
        while (reader->Read(&response)) {
          contents.seq = Seq{response.seq()};
          for (auto& part : *response.mutable_parts()) take(part);
        }
        return reader->Finish();
      },
      call.given_up);
  if (!asked) return asked.error();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const auto& content = contents.value[i];
    if (!heard[i] || (content && content->bytes.size() != content->size)) {
      return cut_stream("the stream of contents");
    }
  }
  return contents;
}

Result<Seq> GrpcStore::snapshot(const Call& call, VolumeId volume, const SnapshotQuery& query,
                                const std::function<void(SnapshotPart)>& take) {
  v1::SnapshotRequest request;
  request.set_volume(volume.value);
  wire::write(query.at, request.mutable_at());
  request.set_bodies_bytes_max(query.bodies_bytes_max);
  Faults faults;
  Seq seq;
  bool last = false;
  bool taken = false;
  const Moment deadline = bounded(call.deadline, kStreamDeadlineMax);
  const auto attempt = [&](grpc::ClientContext& context) {
    const auto reader = parts_->stub->Snapshot(&context, request);
    v1::SnapshotResponse response;
    while (reader->Read(&response)) {
      SnapshotPart part;
      part.entries.reserve(static_cast<std::size_t>(response.entries_size()));
      for (const auto& entry : response.entries())
        part.entries.push_back(wire::read(entry, faults));
      part.bodies.reserve(static_cast<std::size_t>(response.bodies_size()));
      for (auto& body : *response.mutable_bodies()) {
        part.bodies.emplace_back(ContentKey{Inode{body.inode()}, Version{body.version()}},
                                 std::move(*body.mutable_bytes()));
      }
      part.loaded = std::move(*response.mutable_loaded());
      if (faults) context.TryCancel();
      if (!faults && !part.entries.empty()) {
        taken = true;
        take(std::move(part));
      }
      if (response.last()) seq = Seq{response.seq()};
      last = last || response.last();
    }
    grpc::Status status = reader->Finish();
    // What was taken cannot be given back: from here on the caller must begin anew.
    if (!status.ok() && taken && wire::to_error(status).code == Code::unavailable) {
      return grpc::Status(grpc::StatusCode::OK, "");
    }
    return status;
  };
  const Status asked = ask(*parts_->channel, deadline, Again::yes, attempt, call.given_up);
  if (faults) return faults.error();
  if (!asked) return asked.error();
  if (!last) return cut_stream("the snapshot");
  return seq;
}

Result<At<Xattrs>> GrpcStore::xattrs(const Call& call, VolumeId volume, Inode inode,
                                     const ReadAt& at) {
  v1::GetXattrsRequest request;
  request.set_volume(volume.value);
  request.set_inode(inode.value);
  wire::write(at, request.mutable_at());
  v1::GetXattrsResponse response;
  const Status asked = parts_->read(call, &Stub::GetXattrs, request, &response);
  if (!asked) return asked.error();
  if (response.seq() == 0 && ((at.as_of && *at.as_of) || at.revision)) {
    return Error{Code::unsupported,
                 "the server does not know what extended attributes have been: start a newer one"};
  }
  Faults faults;
  Xattrs xattrs = wire::read(response, faults);
  return At<Xattrs>{std::move(xattrs), Seq{response.seq()}};
}

Result<At<std::vector<Change>>> GrpcStore::history(const Call& call, VolumeId volume,
                                                   const HistoryQuery& query) {
  At<std::vector<Change>> history;
  HistoryQuery rest = query;
  for (;;) {
    v1::HistoryRequest request;
    request.set_volume(volume.value);
    wire::write(rest, &request);
    v1::HistoryResponse response;
    const Status asked = parts_->read(call, &Stub::History, request, &response);
    if (!asked) return asked.error();
    Faults faults;
    for (const auto& change : response.changes()) {
      history.value.push_back(wire::read(change, faults));
    }
    if (faults) return faults.error();
    if (!history.seq) history.seq = Seq{response.seq()};
    if (!response.more() || response.changes_size() == 0) return history;
    // The page was cut by its bytes: go on behind its last change.
    (query.newest_first || query.removed_from ? rest.before : rest.after) =
        history.value.back().seq;
    rest.limit = query.limit - static_cast<std::uint32_t>(history.value.size());
  }
}

Result<At<std::vector<VersionInfo>>> GrpcStore::versions(const Call& call, VolumeId volume,
                                                         const NodeRef& node) {
  v1::VersionsRequest request;
  request.set_volume(volume.value);
  wire::write(node, request.mutable_node());
  At<std::vector<VersionInfo>> versions;
  Faults faults;
  const Moment deadline = bounded(call.deadline, kReadDeadline);
  const Status asked = ask(
      *parts_->channel, deadline, Again::yes,
      [&](grpc::ClientContext& context) {
        versions.value.clear();
        const auto reader = parts_->stub->Versions(&context, request);
        v1::VersionsResponse response;
        while (reader->Read(&response)) {
          versions.seq = Seq{response.seq()};
          for (const auto& info : response.versions()) {
            versions.value.push_back(wire::read(info, faults));
          }
        }
        return reader->Finish();
      },
      call.given_up);
  if (!asked) return asked.error();
  return faults.or_error(std::move(versions));
}

Result<SearchSummary> GrpcStore::search(const Call& call, VolumeId volume, const SearchQuery& query,
                                        const TakeSearched& take) {
  v1::SearchRequest request;
  request.set_volume(volume.value);
  wire::write(query, &request);
  Faults faults;
  std::optional<SearchSummary> summary;
  bool taken = false;
  bool enough = query.roots.empty();  // unset roots would mean all
  if (enough) return SearchSummary{};
  const auto attempt = [&](grpc::ClientContext& context) {
    const auto reader = parts_->stub->Search(&context, request);
    v1::SearchResponse response;
    while (reader->Read(&response)) {
      for (const auto& file : response.files()) {
        taken = true;
        if (!enough && !faults) enough = !take(wire::read(file, faults));
      }
      if (response.has_summary()) summary = wire::read(response.summary(), faults);
      if (enough || faults) context.TryCancel();
    }
    const grpc::Status status = reader->Finish();
    // What was taken cannot be given back: from here on the caller must begin anew.
    const bool begun = !status.ok() && taken && wire::to_error(status).code == Code::unavailable;
    return enough || begun ? grpc::Status(grpc::StatusCode::OK, "") : status;
  };
  const Status asked = ask(*parts_->channel, bounded(call.deadline, kStreamDeadlineMax), Again::yes,
                           attempt, call.given_up);
  if (faults) return faults.error();
  if (!asked) return asked.error();
  if (enough && !summary) summary.emplace();
  if (!summary) return cut_stream("the search");
  return *std::move(summary);
}

Result<std::unique_ptr<Subscription>> GrpcStore::subscribe(const Call& call, VolumeId volume,
                                                           Seq after,
                                                           std::shared_ptr<FeedSink> sink) {
  return parts_->watch.subscribe(bounded(call.deadline, kReadDeadline), volume, after,
                                 std::move(sink));
}

void GrpcStore::lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done) {
  if (query.wait) return parts_->locks.wait(call, volume, query, std::move(done));
  v1::LockRequest request;
  request.set_volume(volume.value);
  wire::write(query, &request);
  v1::LockResponse response;
  const Status asked = parts_->read(call, &Stub::Lock, request, &response);
  if (!asked) return done(asked.error());
  Faults faults;
  LockAnswer answer = wire::read(response, client(), faults);
  done(faults.or_error(std::move(answer)));
}

}  // namespace outboard::client
