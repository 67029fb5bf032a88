#include "fusefs/control/control_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "core/memory_store.h"
#include "fusefs/control/mount_service.h"
#include "fusefs/volume/follower.h"
#include "outboard/v1/mount.grpc.pb.h"

namespace {

std::atomic<bool> out_of_descriptors = false;
std::atomic<int> accepts_refused = 0;

}  // namespace

// In place of libc's: a machine that is out of descriptors when a test says so.
extern "C" int accept4(int listener, sockaddr* from, socklen_t* size, int flags) {
  if (!out_of_descriptors) {
    return static_cast<int>(::syscall(SYS_accept4, listener, from, size, flags));
  }
  ++accepts_refused;
  errno = EMFILE;
  return -1;
}

namespace outboard::fusefs {
namespace {

// A kernel that drops everything at once.
class WillingKernel final : public Invalidator {
 public:
  bool forget_names() override { return true; }
  void post(std::vector<Notice>) override {}
  bool flushed(Moment) override { return true; }
  bool has_room(Moment) override { return true; }
};

class ControlServerTest : public ::testing::Test {
 protected:
  ControlServerTest() {
    char pattern[] = "/tmp/outboard-control-XXXXXX";
    directory_ = mkdtemp(pattern);
    store_.add_volume("acme/memory", {});
    const Moment soon = clock_.now() + std::chrono::seconds(5);
    volume_ = *MountedVolume::open(store_, numbers_, kernel_, clock_, "acme/memory", {}, soon);
    server_ = start(socket()).value();
    channel_ = grpc::CreateChannel("unix:" + socket(), grpc::InsecureChannelCredentials());
    stub_ = v1::MountService::NewStub(channel_);
  }
  ~ControlServerTest() override { std::filesystem::remove_all(directory_); }

  std::string socket() const { return directory_ + "/control.sock"; }

  Result<std::unique_ptr<ControlServer>> start(const std::string& where) {
    ControlledDaemon daemon;
    daemon.version = "test";
    daemon.views = [this] {
      ControlledView view{"/memory", *volume_};
      view.activity = [] { return Activity{{{"LOOKUP", 3}}, 1}; };
      view.prewarm = [this](const std::string& place, std::uint64_t bytes_max,
                            Moment) -> Result<Prewarmed> {
        warmed_ = place + " " + std::to_string(bytes_max);
        return Prewarmed{2, 10};
      };
      view.idle = [this](Moment) { return requests_in_flight_ == 0; };
      return std::vector{view};
    };
    daemon.set_views = [this](const WantedViews& wanted) -> outboard::Status {
      wanted_ = wanted;
      if (wanted.force) return success();
      return Error{Code::conflict, "/memory is in use"};
    };
    daemon.set_frozen = [this](bool frozen) { frozen_ = frozen; };
    daemon.connected = [] { return true; };
    daemon.current_as_of = [this] { return clock_.now(); };
    daemon.renew_token = [this](const std::string& token) -> Result<Timestamp> {
      if (token == "bad") {
        Error error;
        error.code = Code::unauthenticated;
        error.message = "the server does not know this token";
        return error;
      }
      token_ = token;
      return Timestamp{1'234 * kNanosPerMilli};
    };
    return ControlServer::start(where, std::move(daemon), clock_);
  }

  Seq make_file(const std::string& name) {
    Publish publish;
    publish.at = {std::string("/"), name};
    publish.bytes = "hello\n";
    Batch batch;
    batch.steps.push_back({publish, {}});
    const Call call = internal_call(clock_.now() + std::chrono::seconds(5));
    return store_.apply(call, volume_->volume().id, batch).value().last;
  }

  grpc::StatusCode barrier(const std::string& volume, Seq seq, std::chrono::milliseconds within) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + within);
    v1::BarrierRequest request;
    (*request.mutable_seqs())[volume] = seq.value;
    v1::BarrierResponse response;
    return stub_->Barrier(&context, request, &response).error_code();
  }

  grpc::Status suspend(v1::SuspendResponse& response) {
    grpc::ClientContext context;
    return stub_->Suspend(&context, {}, &response);
  }
  grpc::Status resume(const v1::ResumeRequest& request, v1::ResumeResponse& response,
                      std::chrono::milliseconds within) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + within);
    return stub_->Resume(&context, request, &response);
  }

  std::atomic<int> requests_in_flight_ = 0;
  std::atomic<bool> frozen_ = false;
  SystemClock clock_;
  MemoryStore store_{clock_};
  RequestNumbers numbers_{ClientId{random_uuid()}};
  WillingKernel kernel_;
  std::string directory_;
  std::string token_;
  std::string warmed_;
  WantedViews wanted_;
  std::unique_ptr<MountedVolume> volume_;
  std::unique_ptr<ControlServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::MountService::Stub> stub_;
};

TEST_F(ControlServerTest, S6_BarrierWaitsUntilTheMountShowsTheSeq) {
  const Seq seq = make_file("note.md");
  EXPECT_EQ(barrier("acme/memory", seq, std::chrono::milliseconds(50)),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  std::thread waiter([&] {
    EXPECT_EQ(barrier("acme/memory", seq, std::chrono::seconds(5)), grpc::StatusCode::OK);
  });
  Follower follower(store_, *volume_, clock_);
  waiter.join();
  EXPECT_GE(volume_->seq(), seq);
}

TEST_F(ControlServerTest, S6_ABarrierWithoutSeqsReachesWhatTheServerHas) {
  const Seq seq = make_file("note.md");
  Follower follower(store_, *volume_, clock_);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  v1::BarrierRequest request;
  request.set_head(true);
  v1::BarrierResponse response;
  ASSERT_TRUE(stub_->Barrier(&context, request, &response).ok());
  EXPECT_EQ(response.seqs().at("acme/memory"), seq.value);
}

TEST_F(ControlServerTest, BarrierOnAVolumeThatIsNotMountedIsRefused) {
  EXPECT_EQ(barrier("acme/skills", Seq{1}, std::chrono::seconds(5)), grpc::StatusCode::NOT_FOUND);
}

TEST_F(ControlServerTest, S55_SuspendPublishesOrIsDeferred) {
  const OpenMode mode{true, true, false, false};
  const auto made = volume_->create(kRootId, "open", 0644, mode, false, {}).value();
  ASSERT_TRUE(volume_->write(made.second.handle, 0, "unsaved", false));
  const auto published = [&] {
    const Call call = internal_call(clock_.now() + std::chrono::seconds(5));
    const NameRef name{std::string("/"), "open"};
    return store_.lookup(call, volume_->volume().id, name, {}).value().value.node.attributes.size;
  };
  v1::SuspendResponse response;
  requests_in_flight_ = 1;
  ASSERT_TRUE(suspend(response).ok());
  EXPECT_TRUE(response.deferred());
  EXPECT_FALSE(frozen_);
  EXPECT_EQ(published(), 0U);
  requests_in_flight_ = 0;
  response.Clear();
  ASSERT_TRUE(suspend(response).ok());
  EXPECT_FALSE(response.deferred());
  EXPECT_TRUE(frozen_);
  EXPECT_EQ(published(), 7U);
  EXPECT_EQ(response.seqs().at("acme/memory"), volume_->seq().value);
  volume_->release(made.second.handle);
}

TEST_F(ControlServerTest, S55_ResumeReachesTheHeadBeforeItAnswers) {
  v1::SuspendResponse suspended;
  ASSERT_TRUE(suspend(suspended).ok());
  const Seq first = make_file("first");
  const Seq second = make_file("second");
  v1::ResumeRequest named;
  (*named.mutable_seqs())["acme/memory"] = first.value;
  v1::ResumeResponse response;
  ASSERT_EQ(resume({}, response, std::chrono::milliseconds(50)).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  while (!frozen_) std::this_thread::yield();  // the caller may hear of it sooner
  Follower follower(store_, *volume_, clock_);
  ASSERT_TRUE(resume(named, response, std::chrono::seconds(5)).ok());
  EXPECT_FALSE(frozen_);
  EXPECT_GE(response.seqs().at("acme/memory"), first.value);
  ASSERT_TRUE(resume({}, response, std::chrono::seconds(5)).ok());
  EXPECT_GE(response.seqs().at("acme/memory"), second.value);
}

TEST_F(ControlServerTest, StatusTellsViewsAndWhatTheyHold) {
  grpc::ClientContext context;
  v1::MountStatusResponse response;
  ASSERT_TRUE(stub_->Status(&context, {}, &response).ok());
  EXPECT_TRUE(response.connected());
  ASSERT_EQ(response.views_size(), 1);
  EXPECT_EQ(response.views(0).view().volume(), "acme/memory");
  EXPECT_TRUE(response.views(0).view().writable());
  EXPECT_EQ(response.views(0).nodes(), 1U);
  EXPECT_EQ(response.views(0).head(), volume_->head().value);
  EXPECT_EQ(response.views(0).requests().at("LOOKUP"), 3U);
  EXPECT_EQ(response.views(0).errors(), 1U);
}

TEST_F(ControlServerTest, ATokenThatIsRefusedLeavesTheOldOne) {
  const auto renew = [&](const std::string& token) {
    grpc::ClientContext context;
    v1::RenewTokenRequest request;
    request.set_token(token);
    v1::RenewTokenResponse response;
    const auto code = stub_->RenewToken(&context, request, &response).error_code();
    EXPECT_EQ(response.expires_unix_ms(), code == grpc::StatusCode::OK ? 1'234 : 0);
    return code;
  };
  EXPECT_EQ(renew("good"), grpc::StatusCode::OK);
  EXPECT_EQ(renew("bad"), grpc::StatusCode::UNAUTHENTICATED);
  EXPECT_EQ(renew(""), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(token_, "good");
}

TEST_F(ControlServerTest, ATokenDoesNotStayInItsRequest) {
  ControlledDaemon daemon;
  daemon.renew_token = [this](const std::string& token) -> Result<Timestamp> {
    token_ = token;
    return Timestamp{};
  };
  MountService service(std::move(daemon), clock_);
  const std::string secret = "a secret that is too long to stand in the string itself";
  v1::RenewTokenRequest request;
  request.set_token(secret);
  v1::RenewTokenResponse response;
  EXPECT_TRUE(service.RenewToken(nullptr, &request, &response).ok());
  EXPECT_EQ(token_, secret);
  EXPECT_EQ(request.token(), std::string(secret.size(), '\0'));
}

// Comes to the socket and leaves.
void call_at(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socket.copy(address.sun_path, sizeof address.sun_path - 1);
  const int caller = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  EXPECT_EQ(::connect(caller, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ::close(caller);
}

TEST_F(ControlServerTest, AMachineWithoutDescriptorsIsAskedNowAndThen) {
  out_of_descriptors = true;
  call_at(socket());  // ends the accept that was under way
  const auto await = [this](int count) {
    const Moment until = clock_.now() + std::chrono::seconds(10);
    while (accepts_refused < count && clock_.now() < until) std::this_thread::yield();
    ASSERT_GE(accepts_refused, count);
  };
  await(1);
  const Moment begun = clock_.now();
  await(3);
  EXPECT_GE(clock_.now() - begun, std::chrono::milliseconds(100)) << "it asks without a pause";
  out_of_descriptors = false;
  grpc::ClientContext context;
  v1::MountStatusResponse response;
  EXPECT_TRUE(stub_->Status(&context, {}, &response).ok());
  out_of_descriptors = true;
  call_at(socket());
  await(accepts_refused + 1);
  server_.reset();  // ends all the same
  out_of_descriptors = false;
}

TEST_F(ControlServerTest, S58_WhatIsToBeWarmIsAPlaceInAView) {
  const auto warm = [&](const std::string& path) {
    grpc::ClientContext context;
    v1::PrewarmRequest request;
    request.set_path(path);
    request.set_bytes_max(100);
    v1::PrewarmResponse response;
    const grpc::Status done = stub_->Prewarm(&context, request, &response);
    return done.ok() ? std::to_string(response.files()) : done.error_message();
  };
  EXPECT_EQ(warm("/memory/notes"), "2");
  EXPECT_EQ(warmed_, "/notes 100");
  EXPECT_EQ(warm("/"), "2");
  EXPECT_EQ(warmed_, "/ 100");
  EXPECT_EQ(warm(""), "2");
  EXPECT_NE(warm("/skills").find("/skills"), std::string::npos);
  warmed_.clear();
  EXPECT_NE(warm("/memory/../etc"), "2");
  EXPECT_EQ(warmed_, "");
}

TEST_F(ControlServerTest, S62_ViewsAreSetOrAmended) {
  const auto set = [&](const v1::SetViewsRequest& request, v1::SetViewsResponse& response) {
    grpc::ClientContext context;
    return stub_->SetViews(&context, request, &response).error_code();
  };
  v1::SetViewsRequest request;
  v1::SetViewsResponse response;
  v1::MountView& view = *request.add_views();
  view.set_path("/skills");
  view.set_volume("acme/skills");
  EXPECT_EQ(set(request, response), grpc::StatusCode::ABORTED);
  EXPECT_FALSE(wanted_.amends);
  EXPECT_EQ(wanted_.views, (std::vector<ViewSpec>{{"/skills", "acme/skills", true}}));
  request.add_remove("/memory");
  EXPECT_EQ(set(request, response), grpc::StatusCode::INVALID_ARGUMENT);
  view.set_writable(true);
  *request.add_add() = view;
  request.clear_views();
  request.set_force(true);
  EXPECT_EQ(set(request, response), grpc::StatusCode::OK);
  EXPECT_TRUE(wanted_.amends);
  EXPECT_EQ(wanted_.views, (std::vector<ViewSpec>{{"/skills", "acme/skills", false}}));
  EXPECT_EQ(wanted_.going, std::vector<std::string>{"/memory"});
  ASSERT_EQ(response.views_size(), 1) << "what stands now, whatever was asked for";
  EXPECT_EQ(response.views(0).path(), "/memory");
}

TEST_F(ControlServerTest, OnlyItsOwnUserMayOpenTheSocket) {
  struct stat found {};
  ASSERT_EQ(::stat(socket().c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 0077U, 0U);
}

TEST_F(ControlServerTest, ASocketInUseOrAFileInItsPlaceIsRefused) {
  EXPECT_FALSE(start(socket()));
  const std::string file = directory_ + "/file";
  ASSERT_TRUE(std::filesystem::copy_file("/etc/hostname", file));
  const auto refused = start(file);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("no socket"), std::string::npos);
  EXPECT_TRUE(std::filesystem::exists(file));
}

}  // namespace
}  // namespace outboard::fusefs
