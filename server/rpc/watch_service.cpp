#include "server/rpc/watch_service.h"

#include <pthread.h>

#include <limits>

namespace outboard::server {
namespace {

grpc::Status stopping() {
  Error error;
  error.code = Code::unavailable;
  error.message = "the server is stopping; connect again, to it or to another";
  return wire::to_status(error);
}

}  // namespace

WatchService::WatchService(Desk& desk)
    : desk_(desk),
      // Bounded by the number of streams: each stands in it once at the most.
      writers_("outboard-watch", kWatchWriters, std::numeric_limits<std::size_t>::max()),
      rechecker_([this] { recheck_all(); }) {
  pthread_setname_np(rechecker_.native_handle(), "outboard-tokens");
}

WatchService::~WatchService() {
  {
    const Lock lock(mutex_);
    ended_ = true;
    stopped_.notify_all();
  }
  rechecker_.join();
}

grpc::ServerBidiReactor<v1::WatchRequest, v1::WatchResponse>* WatchService::Watch(
    grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<WatchStream>(desk_, writers_, context, [this](WatchStream* done) {
    streams_.with([done](Streams& streams) { streams.erase(done); });
  });
  streams_.with([&](Streams& streams) { streams.emplace(stream.get(), stream); });
  stream->start();
  bool late = false;
  {
    const Lock lock(mutex_);
    late = stopping_;
  }
  if (late) stream->close(FeedEnd::server_stopping, stopping());
  return stream.get();
}

std::vector<std::shared_ptr<WatchStream>> WatchService::streams() {
  return streams_.with([](Streams& streams) {
    std::vector<std::shared_ptr<WatchStream>> live;
    live.reserve(streams.size());
    for (const auto& [key, stream] : streams) {
      if (auto held = stream.lock()) live.push_back(std::move(held));
    }
    return live;
  });
}

void WatchService::stop() {
  {
    const Lock lock(mutex_);
    stopping_ = true;
  }
  for (const auto& stream : streams()) stream->close(FeedEnd::server_stopping, stopping());
}

void WatchService::recheck() {
  const Lock lock(mutex_);
  doubtful_ = true;
  stopped_.notify_all();
}

void WatchService::recheck_all() {
  for (;;) {
    {
      const Lock lock(mutex_);
      const Moment next = std::chrono::steady_clock::now() + kTokenCacheFor;
      while (!ended_ && !doubtful_ && stopped_.wait_until(mutex_, next)) {
      }
      if (ended_) return;
      doubtful_ = false;
    }
    // The reader remembers what it read a moment ago, so streams of one token cost one question.
    for (const auto& stream : streams()) {
      const Moment deadline = std::chrono::steady_clock::now() + kTokenCacheFor;
      if (!stream->recheck(deadline)) break;  // tokens cannot be read now: ask at the next round
    }
  }
}

}  // namespace outboard::server
