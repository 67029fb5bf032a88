#include "fusefs/control/mount_service.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "core/limits.h"
#include "core/path.h"
#include "proto/status.h"

namespace outboard::fusefs {
namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;

// A refusal says where each view is: it has to be on its way before the caller gives up.
constexpr milliseconds kToAnswer{200};

// A little before the caller's deadline, on this process' steady clock; at most `most` from now.
Moment deadline_of(const grpc::ServerContext& context, Moment now, milliseconds most) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  const auto whole = duration_cast<milliseconds>(left);
  return now + std::min(whole - std::min(whole / 5, kToAnswer), most);
}

grpc::Status refuse(Code code, std::string message, std::string subject = {}) {
  Error error;
  error.code = code;
  error.message = std::move(message);
  error.subject = std::move(subject);
  return wire::to_status(error);
}

// gRPC made the message that holds it, and shows it as const only to us.
void wipe(const std::string& secret) {
  ::explicit_bzero(const_cast<char*>(secret.data()), secret.size());
}

void describe(const ControlledView& view, v1::MountView& to) {
  to.set_path(view.path);
  to.set_volume(view.volume.volume().name);
  to.set_writable(!view.volume.view().read_only);
}

void describe(const DiskUse& use, v1::DiskCacheStatus& to) {
  to.set_directory(use.directory);
  to.set_bytes(use.bytes);
  to.set_bytes_max(use.bytes_max);
  to.set_hits(use.hits);
  to.set_misses(use.misses);
  to.set_failing(use.failing);
}

}  // namespace

// Who waits for a turn longer than a handover may last has been answered by its end: the process is
// gone by then, or goes on.
class MountService::Turn {
 public:
  explicit Turn(MountService& service) : service_(service) {
    const Lock lock(service_.mutex_);
    while (service_.paused_) service_.changed_.wait(service_.mutex_);
    ++service_.turns_;
  }
  ~Turn() {
    const Lock lock(service_.mutex_);
    --service_.turns_;
    service_.changed_.notify_all();
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  MountService& service_;
};

bool MountService::pause(Moment until) {
  const Lock lock(mutex_);
  paused_ = true;
  while (turns_ > 0 && changed_.wait_until(mutex_, until)) {
  }
  if (turns_ == 0) return true;
  paused_ = false;
  changed_.notify_all();
  return false;
}

void MountService::resume() {
  const Lock lock(mutex_);
  paused_ = false;
  changed_.notify_all();
}

bool MountService::is_mounted(const std::string& volume) const {
  return std::ranges::any_of(daemon_.views(), [&](const ControlledView& view) {
    return view.volume.volume().name == volume;
  });
}

Seq MountService::shown(const std::string& volume) const {
  Seq lowest{~0ULL};
  for (const ControlledView& view : daemon_.views()) {
    if (view.volume.volume().name == volume) lowest = std::min(lowest, view.volume.seq());
  }
  return lowest;
}

grpc::Status MountService::reach_head(Moment deadline) const {
  for (const ControlledView& view : daemon_.views()) {
    const outboard::Status reached = view.volume.reach_head(deadline);
    if (!reached) return wire::to_status(reached.error());
  }
  return grpc::Status::OK;
}

grpc::Status MountService::reach(const google::protobuf::Map<std::string, std::uint64_t>& seqs,
                                 Moment deadline) const {
  for (const auto& [volume, seq] : seqs) {
    if (is_mounted(volume)) continue;
    return refuse(Code::not_found, "the volume \"" + volume + "\" is not mounted here", volume);
  }
  for (const ControlledView& view : daemon_.views()) {
    const std::string& name = view.volume.volume().name;
    const auto wanted = seqs.find(name);
    if (wanted == seqs.end()) continue;
    if (view.volume.wait_until(Seq{wanted->second}, deadline)) continue;
    return refuse(Code::timed_out,
                  view.path + " (volume " + name + ") shows seq " + to_string(view.volume.seq()) +
                      ", seq " + std::to_string(wanted->second) +
                      " did not arrive in time: is the server reachable, and was it committed?",
                  name);
  }
  return grpc::Status::OK;
}

grpc::Status MountService::Barrier(grpc::ServerContext* context, const v1::BarrierRequest* request,
                                   v1::BarrierResponse* response) {
  const Moment deadline = deadline_of(*context, clock_.now(), kBarrierDeadline);
  if (auto reached = reach(request->seqs(), deadline); !reached.ok()) return reached;
  for (const auto& [volume, seq] : request->seqs()) {
    (*response->mutable_seqs())[volume] = shown(volume).value;
  }
  if (!request->head()) return grpc::Status::OK;
  if (auto reached = reach_head(deadline); !reached.ok()) return reached;
  for (const ControlledView& view : daemon_.views()) {
    const std::string& name = view.volume.volume().name;
    (*response->mutable_seqs())[name] = shown(name).value;
  }
  return grpc::Status::OK;
}

grpc::Status MountService::Status(grpc::ServerContext*, const v1::MountStatusRequest*,
                                  v1::MountStatusResponse* response) {
  response->set_version(daemon_.version);
  response->set_server(daemon_.server);
  response->set_handovers(daemon_.handovers);
  if (daemon_.handovers > 0) {
    constexpr std::int64_t kNanosInMilli = 1'000'000;
    response->set_taken_over_unix_ms(daemon_.taken_over.nanoseconds / kNanosInMilli);
  }
  if (const auto disk = daemon_.disk_cache()) describe(*disk, *response->mutable_disk_cache());
  const bool connected = daemon_.connected();
  response->set_connected(connected);
  if (!connected) {
    const auto since = clock_.now() - daemon_.current_as_of();
    response->set_disconnected_ms(duration_cast<milliseconds>(since).count());
  }
  for (const ControlledView& controlled : daemon_.views()) {
    v1::ViewStatus* view = response->add_views();
    describe(controlled, *view->mutable_view());
    view->set_seq(controlled.volume.seq().value);
    view->set_stale(controlled.volume.stale());
    const Census census = controlled.volume.census();
    view->set_nodes(census.nodes);
    view->set_cached_bytes(census.cached_bytes);
    view->set_unsaved_bytes(census.unsaved_bytes);
    view->set_open_handles(census.open_handles);
    view->set_head(controlled.volume.head().value);
    const Activity activity = controlled.activity();
    view->set_errors(activity.errors);
    for (const auto& [name, count] : activity.requests) (*view->mutable_requests())[name] = count;
  }
  return grpc::Status::OK;
}

grpc::Status MountService::RenewToken(grpc::ServerContext*, const v1::RenewTokenRequest* request,
                                      v1::RenewTokenResponse* response) {
  if (request->token().empty()) {
    return refuse(Code::invalid, "no token was given; send the whole secret in `token`");
  }
  const Turn turn(*this);
  const auto taken = daemon_.renew_token(request->token());
  wipe(request->token());
  if (!taken) return wire::to_status(taken.error());
  response->set_expires_unix_ms(taken->nanoseconds / kNanosPerMilli);
  return grpc::Status::OK;
}

grpc::Status MountService::SetViews(grpc::ServerContext*, const v1::SetViewsRequest* request,
                                    v1::SetViewsResponse* response) {
  const Turn turn(*this);
  WantedViews wanted;
  wanted.amends = request->add_size() > 0 || request->remove_size() > 0;
  if (wanted.amends && request->views_size() > 0) {
    return refuse(Code::invalid,
                  "send either `views`, all that shall be there, or `add` and `remove`");
  }
  for (const v1::MountView& view : wanted.amends ? request->add() : request->views()) {
    wanted.views.push_back({view.path(), view.volume(), !view.writable()});
  }
  wanted.going = {request->remove().begin(), request->remove().end()};
  wanted.force = request->force();
  const outboard::Status set = daemon_.set_views(wanted);
  if (!set) return wire::to_status(set.error());
  for (const ControlledView& view : daemon_.views()) describe(view, *response->add_views());
  return grpc::Status::OK;
}

grpc::Status MountService::Prewarm(grpc::ServerContext* context, const v1::PrewarmRequest* request,
                                   v1::PrewarmResponse* response) {
  const Turn turn(*this);
  const Moment deadline = deadline_of(*context, clock_.now(), kPrewarmDeadline);
  std::uint64_t left = request->bytes_max() > 0 ? request->bytes_max() : kPrewarmBytesDefault;
  bool found = false;
  const auto views = daemon_.views();
  const auto shown_by = [&](const ControlledView& view) {
    const ControlledView* innermost = nullptr;
    for (const ControlledView& other : views) {
      if (!is_within(request->path(), other.path)) continue;
      if (innermost == nullptr || innermost->path.size() < other.path.size()) innermost = &other;
    }
    return innermost == &view;
  };
  for (const ControlledView& view : views) {
    std::string place = "/";
    if (!request->path().empty() && !is_within(view.path, request->path())) {
      if (!shown_by(view)) continue;
      place = request->path().substr(view.path.size());
    }
    // Its ".." would leave the view.
    if (auto good = check_path(place); !good) return wire::to_status(good.error());
    found = true;
    const auto done = view.prewarm(place, left, deadline);
    if (!done) return wire::to_status(done.error());
    response->set_files(response->files() + done->files);
    response->set_bytes(response->bytes() + done->bytes);
    left -= std::min(left, done->bytes);
  }
  if (found) return grpc::Status::OK;
  return refuse(Code::not_found,
                "no view is mounted at or above " + request->path() + ": ask Status for what is",
                request->path());
}

bool MountService::idle(Moment until) const {
  return std::ranges::all_of(daemon_.views(),
                             [&](const ControlledView& view) { return view.idle(until); });
}

// What comes between the two looks has found the mount as it was; what comes behind the second
// cannot, for the caller freezes the programs or takes the suspension back.
grpc::Status MountService::Suspend(grpc::ServerContext*, const v1::SuspendRequest* request,
                                   v1::SuspendResponse* response) {
  const Turn turn(*this);
  const milliseconds wait{
      std::clamp<std::int64_t>(request->wait_ms(), 0, kBarrierDeadline.count())};
  const Moment until = clock_.now() + wait;
  const auto defer = [&] {
    response->set_deferred(true);
    return grpc::Status::OK;
  };
  if (!idle(until)) return defer();
  for (const ControlledView& view : daemon_.views()) {
    const outboard::Status kept = view.volume.publish_unsaved();
    if (!kept) return wire::to_status(kept.error());
  }
  daemon_.set_frozen(true);
  if (!idle(until)) {
    daemon_.set_frozen(false);
    return defer();
  }
  for (const ControlledView& view : daemon_.views()) {
    const std::string& name = view.volume.volume().name;
    (*response->mutable_seqs())[name] = shown(name).value;
  }
  return grpc::Status::OK;
}

// Awake first: what is published from here on waits for us, and what was before is caught up with.
grpc::Status MountService::Resume(grpc::ServerContext* context, const v1::ResumeRequest* request,
                                  v1::ResumeResponse* response) {
  const Turn turn(*this);
  const Moment deadline = deadline_of(*context, clock_.now(), kBarrierDeadline);
  daemon_.set_frozen(false);
  const auto& seqs = request->seqs();
  auto reached = seqs.empty() ? reach_head(deadline) : reach(seqs, deadline);
  if (!reached.ok()) {
    daemon_.set_frozen(true);
    return reached;
  }
  for (const ControlledView& view : daemon_.views()) {
    const std::string& name = view.volume.volume().name;
    (*response->mutable_seqs())[name] = shown(name).value;
  }
  return grpc::Status::OK;
}

grpc::Status MountService::Handover(
    grpc::ServerContext*, grpc::ServerReaderWriter<v1::HandoverResponse, v1::HandoverRequest>*) {
  return refuse(Code::unsupported,
                "descriptors do not travel in a call: start the new program with --take-over and "
                "this socket");
}

}  // namespace outboard::fusefs
