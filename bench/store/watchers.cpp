#include "bench/store/watchers.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/client_callback.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <string>

#include "bench/child.h"
#include "core/check.h"
#include "core/guarded.h"
#include "outboard/v1/watch.grpc.pb.h"

namespace outboard::bench {
namespace {

// After these the server has met its first watchers: what they cost beside themselves is paid.
constexpr std::size_t kFirst = 10;

// Memory of the process's own, in kilobytes.
double private_kb(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stod(line.substr(8));
  }
  CHECK(false);
}

// Counts what many threads have done, for one who waits.
class Tally {
 public:
  void add() {
    Lock lock(mutex_);
    ++count_;
    changed_.notify_all();
  }
  void await(std::size_t count) {
    Lock lock(mutex_);
    while (count_ < count) changed_.wait(mutex_);
  }

 private:
  Mutex mutex_;
  Condition changed_;
  std::size_t count_ GUARDED_BY(mutex_) = 0;
};

// One watcher: subscribes, then listens until the process ends.
class Watcher final : public grpc::ClientBidiReactor<v1::WatchRequest, v1::WatchResponse> {
 public:
  Watcher(const std::string& address, const std::string& token, std::uint64_t volume, Tally& ready)
      : ready_(ready) {
    grpc::ChannelArguments own;
    own.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    channel_ = grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), own);
    stub_ = v1::WatchService::NewStub(channel_);
    context_.AddMetadata("authorization", "Bearer " + token);
    context_.set_wait_for_ready(true);
    request_.mutable_subscribe()->set_subscription(1);
    request_.mutable_subscribe()->set_volume(volume);
    stub_->async()->Watch(&context_, this);
    StartWrite(&request_);
    StartRead(&response_);
    StartCall();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (response_.has_subscribed()) ready_.add();
    StartRead(&response_);
  }
  void OnDone(const grpc::Status& status) override {
    std::cerr << "a watcher ended: " << status.error_message() << "\n";
  }

 private:
  Tally& ready_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::WatchService::Stub> stub_;
  grpc::ClientContext context_;
  v1::WatchRequest request_;
  v1::WatchResponse response_;
};

}  // namespace

double watcher_kb(Site& site, VolumeId volume, std::size_t count) {
  const auto subscribed = [&](std::size_t watchers) {
    auto child = std::make_unique<Child>(
        std::vector<std::string>{"watchers", site.tcp_address(), site.token(),
                                 std::to_string(volume.value), std::to_string(watchers)});
    CHECK(child->read_line() == "ready");
    return child;
  };
  const auto first = subscribed(kFirst);
  const double before = private_kb(site.server());
  const auto others = subscribed(count);
  return (private_kb(site.server()) - before) / static_cast<double>(count);
}

int watch_as_told(const std::vector<std::string>& arguments) {
  CHECK(arguments.size() == 4);
  const std::uint64_t volume = std::stoull(arguments[2]);
  const std::size_t count = std::stoul(arguments[3]);
  constexpr std::size_t kAtOnce = 100;  // connections that are being made
  Tally ready;
  std::vector<std::unique_ptr<Watcher>> watchers;
  while (watchers.size() < count) {
    watchers.push_back(std::make_unique<Watcher>(arguments[0], arguments[1], volume, ready));
    if (watchers.size() > kAtOnce) ready.await(watchers.size() - kAtOnce);
  }
  ready.await(count);
  std::cout << "ready\n" << std::flush;
  std::string end;
  std::getline(std::cin, end);
  ::_exit(0);  // the streams end with their connections
}

}  // namespace outboard::bench
