// StoreService's search: what was found goes out in messages of about kPartBytes.

#include "proto/convert_search.h"
#include "server/rpc/produced.h"
#include "server/rpc/store_service.h"

namespace outboard::server {
namespace {

using wire::Faults;
using Parts = PartStream<v1::SearchResponse>;

// Gathers files into messages of about kPartBytes.
class FoundSender {
 public:
  explicit FoundSender(Parts& to) : to_(to) {}

  // False: nobody reads any more.
  bool send(const SearchedFile& file) {
    auto* one = message_.add_files();
    wire::write(file, one);
    bytes_ += one->ByteSizeLong();
    if (bytes_ < kPartBytes) return true;
    bytes_ = 0;
    read_ = to_.send(std::exchange(message_, {}));
    return read_;
  }
  bool finish(const SearchSummary& summary) {
    wire::write(summary, message_.mutable_summary());
    return read_ && to_.send(std::move(message_));
  }

 private:
  Parts& to_;
  v1::SearchResponse message_;
  std::size_t bytes_ = 0;
  bool read_ = true;
};

}  // namespace

grpc::ServerWriteReactor<v1::SearchResponse>* StoreService::Search(
    Context* context, const v1::SearchRequest* request) {
  const auto body = [this, request](const Call& call, Parts& parts) -> Status {
    Faults faults;
    const SearchQuery query = wire::read(*request, faults);
    if (faults) return faults.error();
    FoundSender sender(parts);
    auto summary = desk_.store.search(call, VolumeId{request->volume()}, query,
                                      [&](const SearchedFile& file) { return sender.send(file); });
    if (!summary) return summary.error();
    return sender.finish(*summary) ? success() : Status(reader_gone());
  };
  return produced<v1::SearchResponse>(desk_, context, body);
}

}  // namespace outboard::server
