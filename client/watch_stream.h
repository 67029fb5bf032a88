// WatchStream: one watch stream for all subscriptions of a GrpcStore, kept open through failures.
//
// Place in the flow: server's WatchService ~wire~ reader thread → FeedSink::offer; subscribe(),
// acknowledgements and states → writer thread ~wire~.
//
// What always holds:
//  - A sink sees each change once, in seq order without gaps. After a break every subscription is
//    asked for again behind the last change its sink took.
//  - What is to be said is derived from the subscriptions' states by the writer, not queued: a
//    stream that stalls costs no memory and blocks nobody who acknowledges.
//  - No lock is held while a sink, the token or gRPC is called.
//
// Two threads: "outboard-watch" reads, "outboard-ack" writes; both end with the destructor.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "client/channel.h"
#include "core/guarded.h"
#include "core/store.h"
#include "outboard/v1/watch.grpc.pb.h"

namespace outboard::client {

class WatchStream {
 public:
  explicit WatchStream(const Channel& channel);
  // REQUIRES: no subscription is left.
  ~WatchStream();
  WatchStream(const WatchStream&) = delete;
  WatchStream& operator=(const WatchStream&) = delete;

  // Waits for the server's word until `deadline`.
  Result<std::unique_ptr<Subscription>> subscribe(Moment deadline, VolumeId volume, Seq after,
                                                  std::shared_ptr<FeedSink> sink);
  // Ends the stream; who waits in subscribe() hears `unavailable` at once, and so does who asks
  // later.
  void stop();
  void set_frozen(bool frozen);
  bool await_frozen(Moment deadline);
  bool connected() const;
  bool await_connected(Moment deadline);
  Moment current_as_of() const;
  Moment heard_since() const;

 private:
  class Held;
  using Stream = grpc::ClientReaderWriter<v1::WatchRequest, v1::WatchResponse>;

  enum class Stage { asking, live, ended };
  struct Line {
    VolumeId volume;
    Seq last;                   // the last change its sink took
    std::vector<Change> begun;  // the beginning of an item that came in part; behind `last`
    std::shared_ptr<FeedSink> sink;
    Stage stage = Stage::asking;  // asking: subscribe() waits
    std::optional<Error> refused;
    std::uint64_t on_wire = 0;  // its number on this stream; 0: not asked for there
    Moment ask_from{};          // not before; after a refusal that may pass
    Seq acknowledged, said;     // what its holder applied, what the server was told
    bool remembers = false;     // its last word, and whether it is yet to be said
    bool unsaid = false;
    bool offering = false;   // the reader is in its sink
    bool confirmed = false;  // on this stream
  };
  using Lines = std::map<std::uint64_t, Line>;

  // ── The reader ──
  void read_all();
  // One stream from its opening to its end.
  grpc::Status read_stream(const std::string& token);
  void after_stream(const grpc::Status& status, const std::string& token);
  void take(const v1::WatchResponse& response, const std::string& token);
  void take_changes(const v1::WatchChanges& changes);
  void take_end(const v1::WatchEnded& ended, const std::string& token);
  Lines::iterator find_on_wire(std::uint64_t number) REQUIRES_LOCK(mutex_);
  // Gives an item to the line's sink, without the lock. False: full.
  bool give(std::uint64_t key, const std::shared_ptr<const FeedItem>& item);
  // The last item of a line; who waits in subscribe() gets `error`.
  void end(std::uint64_t key, FeedEnd reason, const Error& error);
  void forget(std::uint64_t key);

  // ── The writer ──
  void write_all();
  // What is to be said next, if anything; else when to look again.
  std::optional<v1::WatchRequest> next_request(Moment now, Moment& look_again)
      REQUIRES_LOCK(mutex_);

  const Channel& channel_;
  const std::unique_ptr<v1::WatchService::Stub> stub_;

  mutable Mutex mutex_;
  Condition changed_;
  Lines lines_ GUARDED_BY(mutex_);
  std::uint64_t next_key_ GUARDED_BY(mutex_) = 1;
  std::uint64_t next_number_ GUARDED_BY(mutex_) = 1;
  std::vector<std::uint64_t> leaving_ GUARDED_BY(mutex_);  // numbers to unsubscribe
  Stream* stream_ GUARDED_BY(mutex_) = nullptr;            // while it may be written
  grpc::ClientContext* context_ GUARDED_BY(mutex_) = nullptr;
  bool writing_ GUARDED_BY(mutex_) = false;
  bool greeted_ GUARDED_BY(mutex_) = false;
  bool frozen_ GUARDED_BY(mutex_) = false;
  bool said_frozen_ GUARDED_BY(mutex_) = false;
  bool counted_ GUARDED_BY(mutex_) = true;  // as live, as the server has said
  bool asleep_ GUARDED_BY(mutex_) = false;  // as frozen, the same
  bool heard_ GUARDED_BY(mutex_) = false;   // something, on this stream
  Moment heard_at_ GUARDED_BY(mutex_){};
  Moment heard_since_ GUARDED_BY(mutex_){};  // with no silence of kLeaseSilence since
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread reader_;
  std::thread writer_;
};

}  // namespace outboard::client
