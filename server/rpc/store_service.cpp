#include "server/rpc/store_service.h"

#include <algorithm>

#include "proto/convert.h"
#include "proto/convert_batch.h"
#include "proto/handshake.h"
#include "server/rpc/apply_stream.h"

namespace outboard::server {
namespace {

using wire::Faults;

std::uint32_t page_limit(std::uint32_t asked) {
  return asked == 0 ? kPageEntriesMax : std::min(asked, kPageEntriesMax);
}

// How many of `pages` entries, as messages, fit into one answer; at least one.
template <class Items>
int fitting(const Items& items) {
  std::size_t bytes = 0;
  int count = 0;
  for (const auto& item : items) {
    bytes += item.ByteSizeLong() + 8;  // its key and length
    if (count > 0 && bytes > kMessageBytesMax - kPartBytes) break;
    ++count;
  }
  return count;
}

}  // namespace

grpc::ServerUnaryReactor* StoreService::Handshake(Context* context, const v1::HandshakeRequest*,
                                                  v1::HandshakeResponse* response) {
  wire::write_handshake(OUTBOARD_VERSION, response);
  auto* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status());
  return reactor;
}

grpc::ServerUnaryReactor* StoreService::OpenVolume(Context* context,
                                                   const v1::OpenVolumeRequest* request,
                                                   v1::OpenVolumeResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    auto volume = request->has_id() ? desk_.store.describe(call, VolumeId{request->id()})
                                    : desk_.store.open_volume(call, request->name());
    if (!volume) return volume.error();
    wire::write(*volume, response->mutable_volume());
    response->set_token_expires_unix_ms(call.caller.expires.nanoseconds / kNanosPerMilli);
    return success();
  });
}

grpc::ServerUnaryReactor* StoreService::Apply(Context* context, const v1::ApplyRequest* request,
                                              v1::ApplyResponse* response) {
  return serve_later(desk_, context, [this, request, response](const Call& call, Answer answer) {
    Faults faults;
    Batch batch = wire::read(request->batch(), faults);
    if (faults) return answer(faults.error());
    desk_.store.submit(call, VolumeId{request->volume()}, std::move(batch),
                       [response, answer](const Result<Applied>& applied) {
                         if (!applied) return answer(applied.error());
                         wire::write(*applied, response);
                         answer(success());
                       });
  });
}

grpc::ServerReadReactor<v1::ApplyStreamRequest>* StoreService::ApplyStream(
    Context* context, v1::ApplyResponse* response) {
  return receive_batch(desk_, context, response);
}

grpc::ServerUnaryReactor* StoreService::Lookup(Context* context, const v1::LookupRequest* request,
                                               v1::LookupResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const NameRef name = wire::read(request->name(), faults);
    const ReadAt at = wire::read(request->at(), faults);
    if (faults) return faults.error();
    auto entry = desk_.store.lookup(call, VolumeId{request->volume()}, name, at);
    if (!entry) return entry.error();
    wire::write(entry->value, response->mutable_entry());
    response->set_seq(entry->seq.value);
    return success();
  });
}

grpc::ServerUnaryReactor* StoreService::GetAttributes(Context* context,
                                                      const v1::GetAttributesRequest* request,
                                                      v1::GetAttributesResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const NodeRef ref = wire::read(request->node(), faults);
    const ReadAt at = wire::read(request->at(), faults);
    if (faults) return faults.error();
    auto node = desk_.store.attributes(call, VolumeId{request->volume()}, ref, at);
    if (!node) return node.error();
    wire::write(node->value, response->mutable_node());
    response->set_seq(node->seq.value);
    return success();
  });
}

grpc::ServerUnaryReactor* StoreService::List(Context* context, const v1::ListRequest* request,
                                             v1::ListResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const NodeRef directory = wire::read(request->directory(), faults);
    const ReadAt at = wire::read(request->at(), faults);
    if (faults) return faults.error();
    auto page = desk_.store.list(call, VolumeId{request->volume()}, directory, request->after(),
                                 page_limit(request->limit()), at);
    if (!page) return page.error();
    for (const Entry& entry : page->value.entries) wire::write(entry, response->add_entries());
    response->set_next(page->value.next);
    response->set_seq(page->seq.value);
    auto* entries = response->mutable_entries();
    const int count = fitting(*entries);
    if (count < entries->size()) {
      entries->DeleteSubrange(count, entries->size() - count);
      response->set_next(entries->Get(count - 1).dentry().name());
    }
    return success();
  });
}

grpc::ServerUnaryReactor* StoreService::Read(Context* context, const v1::ReadRequest* request,
                                             v1::ReadResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    if (request->size() > kReadBytesMax) {
      Error error;
      error.code = Code::invalid;
      error.message = "a read of " + std::to_string(request->size()) + " bytes; one read takes " +
                      std::to_string(kReadBytesMax) + " at most: ask in several";
      return error;
    }
    auto content = desk_.store.read(call, VolumeId{request->volume()}, Inode{request->inode()},
                                    Version{request->version()}, request->offset(),
                                    static_cast<std::size_t>(request->size()));
    if (!content) return content.error();
    response->set_version(content->value.version.value);
    response->set_size(content->value.size);
    response->set_bytes(std::move(content->value.bytes));
    response->set_seq(content->seq.value);
    return success();
  });
}

grpc::ServerUnaryReactor* StoreService::GetXattrs(Context* context,
                                                  const v1::GetXattrsRequest* request,
                                                  v1::GetXattrsResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    const ReadAt at = wire::read(request->at(), faults);
    if (faults) return faults.error();
    auto xattrs =
        desk_.store.xattrs(call, VolumeId{request->volume()}, Inode{request->inode()}, at);
    if (!xattrs) return xattrs.error();
    wire::write(xattrs->value, response);
    response->set_seq(xattrs->seq.value);
    return success();
  });
}

grpc::ServerUnaryReactor* StoreService::History(Context* context, const v1::HistoryRequest* request,
                                                v1::HistoryResponse* response) {
  return serve(desk_, context, [this, request, response](const Call& call) -> Status {
    Faults faults;
    HistoryQuery query = wire::read(*request, faults);
    if (faults) return faults.error();
    query.limit = page_limit(query.limit);
    auto changes = desk_.store.history(call, VolumeId{request->volume()}, query);
    if (!changes) return changes.error();
    for (const Change& change : changes->value) wire::write(change, response->add_changes());
    response->set_seq(changes->seq.value);
    auto* all = response->mutable_changes();
    const int count = fitting(*all);
    response->set_more(count < all->size());
    all->DeleteSubrange(count, all->size() - count);
    return success();
  });
}

// The answer to a lock that waits comes from the store's own thread: no worker waits with it.
grpc::ServerUnaryReactor* StoreService::Lock(Context* context, const v1::LockRequest* request,
                                             v1::LockResponse* response) {
  return serve_later(desk_, context, [this, request, response](const Call& call, Answer finish) {
    Faults faults;
    LockQuery query = wire::read(*request, faults);
    if (!call.caller.client) {
      faults.broken("outboard-client", "is missing from the metadata: a lock belongs to a process");
    }
    if (faults) return finish(faults.error());
    query.client = call.caller.client;
    desk_.store.lock(call, VolumeId{request->volume()}, query,
                     [response, client = query.client, finish](Result<LockAnswer> answer) {
                       if (!answer) return finish(answer.error());
                       wire::write(*answer, client, response);
                       finish(success());
                     });
  });
}

grpc::ServerUnaryReactor* StoreService::Settle(Context* context, const v1::SettleRequest* request,
                                               v1::SettleResponse*) {
  return serve(desk_, context, [this, request](const Call& call) {
    return desk_.store.settle(call, VolumeId{request->volume()}, Seq{request->seq()});
  });
}

}  // namespace outboard::server
