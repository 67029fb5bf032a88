#include "fusefs/views/view_set.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include "core/log.h"
#include "core/path.h"

namespace outboard::fusefs {
namespace {

void sort_outermost_first(std::vector<ViewSpec>& specs) {
  std::ranges::stable_sort(specs, {}, [](const ViewSpec& spec) { return spec.path.size(); });
}

bool holds(const std::vector<ViewSpec>& specs, const ViewSpec& spec) {
  return std::ranges::find(specs, spec) != specs.end();
}

// The volume, which keeps its view.
std::shared_ptr<MountedVolume> volume_of(const std::shared_ptr<MountedView>& view) {
  return {view, view->volume.get()};
}

std::vector<ViewSpec> specs_of(const Views& views) {
  std::vector<ViewSpec> specs;
  for (const auto& view : views) {
    if (!view->ended) specs.push_back(view->spec);
  }
  return specs;
}

}  // namespace

MountedView::~MountedView() {
  teller.reset();
  session.reset();
  mounter.forget(number);
}

ViewSet::~ViewSet() {
  sleep_watch_.stop();
  Views all = views_.with([](Views& views) { return std::exchange(views, {}); });
  while (!all.empty()) all.pop_back();
}

Views ViewSet::now() const {
  return views_.with([](const Views& views) { return views; });
}

std::vector<ViewSpec> ViewSet::specs() const {
  return specs_of(now());
}

void ViewSet::set_frozen(bool frozen) {
  frozen_ = frozen;
  for (const auto& view : now()) match_frozen(*view);
}

// A view may come while this is said: whoever is second, here or in set_frozen(), finds what the
// first has done, and the last word counts.
void ViewSet::match_frozen(MountedView& view) const {
  bool told = false;
  do {
    told = frozen_;
    view.volume->set_frozen(told);
  } while (told != frozen_);
}

Status ViewSet::start(const std::vector<ViewSpec>& specs) {
  const Lock turn(turn_);
  for (std::size_t number = 0; number < specs.size(); ++number) {
    auto view = std::make_shared<MountedView>(specs[number], mounter_, number);
    if (!tellers_.empty()) view->teller = std::move(tellers_[number]);
    if (auto filled = fill(*view, specs); !filled) return filled;
    if (view->teller) view->volume->set_teller(view->teller->process());
    if (auto stood = stand(view); !stood) return stood;
  }
  return success();
}

Status ViewSet::change(std::vector<ViewSpec> wanted, bool force) {
  const Lock turn(turn_);
  return change_to(std::move(wanted), force);
}

Status ViewSet::amend(const std::vector<ViewSpec>& coming, const std::vector<std::string>& going,
                      bool force) {
  const Lock turn(turn_);
  const Views all = now();
  std::vector<ViewSpec> wanted = specs_of(all);
  for (const std::string& path : going) {
    const auto is_it = [&](const auto& view) { return view->spec.path == path; };
    if (std::ranges::none_of(all, is_it)) {
      return Error{Code::not_found, "no view stands at " + path + ": ask Status for what does",
                   path};
    }
    std::erase_if(wanted, [&](const ViewSpec& spec) { return spec.path == path; });
  }
  for (const ViewSpec& spec : coming) {
    if (!holds(wanted, spec)) wanted.push_back(spec);
  }
  return change_to(std::move(wanted), force);
}

ViewSet::Plan ViewSet::plan_for(const std::vector<ViewSpec>& wanted) const {
  Plan plan;
  const Views all = now();
  const std::vector<ViewSpec> present = specs_of(all);
  std::vector<ViewSpec> staying;
  // What a view stands in carries it: it can only stay where that does.
  const auto stays_around = [&](const ViewSpec& spec) {
    const ViewSpec* was = view_around(present, spec.path);
    const ViewSpec* will = view_around(wanted, spec.path);
    if (was == nullptr || will == nullptr) return was == will;
    return *was == *will && holds(staying, *was);
  };
  for (const ViewSpec& spec : wanted) {
    const bool stays = holds(present, spec) && stays_around(spec);
    (stays ? staying : plan.coming).push_back(spec);
  }
  for (auto view = all.rbegin(); view != all.rend(); ++view) {
    if ((*view)->ended || !holds(staying, (*view)->spec)) plan.going.push_back(*view);
  }
  return plan;
}

Status ViewSet::change_to(std::vector<ViewSpec> wanted, bool force) {
  if (ending_) return Error{Code::unavailable, "this daemon is ending"};
  if (!config_.handed.empty()) {
    return Error{Code::unsupported,
                 "these views were handed in with --fuse-fd: who mounted them starts another "
                 "daemon for other views"};
  }
  if (auto good = check_places(wanted); !good) return good;
  sort_outermost_first(wanted);
  const std::vector<ViewSpec> before = specs();
  const Plan plan = plan_for(wanted);
  // Up to here and through these two, whatever is refused has changed nothing.
  Views coming;
  for (const ViewSpec& spec : plan.coming) {
    auto opened = open(spec, wanted);
    if (!opened) return std::move(opened).error();
    coming.push_back(*std::move(opened));
  }
  for (const auto& view : plan.going) {
    const Status saved = view->volume->publish_unsaved();
    if (!saved && !force) return saved;
  }
  Status done = success();
  std::vector<ViewSpec> gone;
  for (const auto& view : plan.going) {
    done = leave(view, force);
    if (!done) break;
    if (holds(before, view->spec)) gone.push_back(view->spec);
  }
  std::size_t standing = 0;
  while (done && standing < coming.size()) {
    done = stand(coming[standing]);
    if (done) ++standing;
  }
  if (done) return done;
  while (standing > 0) (void)leave(coming[--standing], true);
  bring_back(std::move(gone), before);
  return done;
}

void ViewSet::bring_back(std::vector<ViewSpec> gone, const std::vector<ViewSpec>& before) {
  sort_outermost_first(gone);
  for (const ViewSpec& spec : gone) {
    auto view = open(spec, before);
    const Status stood = view ? stand(*view) : Status(view.error());
    if (stood) continue;
    log(Severity::error, "a view that was to be replaced is gone, and its successor refused",
        {{"path", spec.path}, {"why", stood.error().message}});
  }
}

Result<std::shared_ptr<MountedView>> ViewSet::open(const ViewSpec& spec,
                                                   const std::vector<ViewSpec>& all) {
  const auto number = mounter_.add({spec.path, spec.volume, spec.read_only});
  if (!number) return number.error();
  auto view = std::make_shared<MountedView>(spec, mounter_, *number);
  if (auto filled = fill(*view, all); !filled) return filled.error();
  return view;
}

Status ViewSet::fill(MountedView& view, const std::vector<ViewSpec>& all) {
  View shown = config_.common;
  shown.read_only = view.spec.read_only;
  // Of what is not here nobody can be told. [S12]
  if (view.teller) shown.tree_nodes_max = std::numeric_limits<std::uint64_t>::max();
  for (const ViewSpec& other : all) {
    const ViewSpec* around = view_around(all, other.path);
    if (around == nullptr || around->path != view.spec.path) continue;
    shown.mountpoints.emplace_back(split_last(other.path).second);
  }
  auto volume =
      MountedVolume::open(store_, numbers_, view.notifier.invalidator(), clock_, view.spec.volume,
                          shown, clock_.now() + config_.common.read_deadline);
  if (!volume) return std::move(volume).error();
  view.volume = *std::move(volume);
  follow(view);
  return success();
}

void ViewSet::follow(MountedView& view) {
  view.volume->watch_sleep([this] { return sleep_watch_.slept(); });
  view.volume->watch_connection(config_.connected);
  view.volume->watch_lease(config_.heard_since);
  view.follower = std::make_unique<Follower>(store_, *view.volume, clock_);
  view.flusher = std::make_unique<Flusher>(*view.volume);
}

SessionConfig ViewSet::session_of(MountedView& view) {
  if (config_.handed.empty()) {
    view.mounting = mounter_.view(view.number);
  } else {
    view.mounting = std::make_unique<HandedMount>(config_.handed[view.number]);
  }
  SessionConfig session;
  session.mountpoint = view.spec.path;
  session.mounting = view.mounting.get();
  session.on_ended = [this, &view] { note_end(view); };
  return session;
}

Status ViewSet::stand(const std::shared_ptr<MountedView>& view) {
  if (const auto outer = outer_of(*view)) {
    const Moment deadline = clock_.now() + config_.common.read_deadline;
    const auto name = split_last(view->spec.path).second;
    if (auto kept = outer->volume->keep_for_view(name, deadline); !kept) return kept;
  }
  auto started = KernelSession::start(session_of(*view), *view->volume, view->notifier);
  if (!started) {
    give_place_back(*view);
    return std::move(started).error();
  }
  view->session = *std::move(started);
  if (view->teller) view->teller->follow(*view->volume);
  sleep_watch_.add(volume_of(view));
  views_.with([&](Views& views) { views.push_back(view); });
  match_frozen(*view);
  if (view->ended) note_end(*view);
  log(Severity::info, "mounted",
      {{"path", view->spec.path},
       {"volume", view->spec.volume},
       {"mode", view->spec.read_only ? "ro" : "rw"}});
  return success();
}

Status ViewSet::leave(const std::shared_ptr<MountedView>& view, bool force) {
  if (force) {
    view->session->stop();
  } else if (auto left = view->session->leave(); !left) {
    return left;
  }
  views_.with([&](Views& views) { std::erase(views, view); });
  give_place_back(*view);
  log(Severity::info, "unmounted", {{"path", view->spec.path}, {"volume", view->spec.volume}});
  return success();
}

std::shared_ptr<MountedView> ViewSet::outer_of(const MountedView& view) const {
  const Views all = now();
  const auto parent = split_last(view.spec.path).first;
  const auto outer = std::ranges::find_if(
      all, [&](const auto& other) { return !other->ended && other->spec.path == parent; });
  return outer == all.end() ? nullptr : *outer;
}

void ViewSet::give_place_back(const MountedView& view) {
  const auto outer = outer_of(view);
  if (outer) outer->volume->give_back(split_last(view.spec.path).second);
}

void ViewSet::note_end(MountedView& view) {
  view.ended = true;
  const Views all = now();
  const bool shown = std::ranges::any_of(all, [](const auto& other) { return !other->ended; });
  if (!all.empty() && !shown) config_.on_all_end();
}

Status ViewSet::take_over(const ViewSpec& spec, const Volume& volume, HandedView handed,
                          int descriptor) {
  auto view = std::make_shared<MountedView>(spec, mounter_, handed.number);
  handed.view.disk_cache = config_.common.disk_cache;
  auto taken = MountedVolume::take_over(store_, numbers_, view->notifier.invalidator(), clock_,
                                        handed.view, volume, handed.tables);
  if (!taken) return std::move(taken).error();
  view->volume = *std::move(taken);
  const Lock turn(turn_);
  const std::size_t place = now().size();
  if (!tellers_.empty()) view->teller = std::move(tellers_[place]);
  if (view->teller) view->volume->set_teller(view->teller->process());
  handed.session.descriptor = descriptor;
  auto session = KernelSession::take_over(session_of(*view), *view->volume, view->notifier,
                                          std::move(handed.session));
  if (!session) return std::move(session).error();
  view->session = *std::move(session);
  views_.with([&](Views& views) { views.push_back(view); });
  return success();
}

bool ViewSet::serve(std::vector<HandedView> handed) {
  bool frozen = false;
  const Views all = now();
  for (std::size_t i = 0; i < all.size(); ++i) {
    follow(*all[i]);
    sleep_watch_.add(volume_of(all[i]));
    all[i]->session->serve();
    all[i]->volume->announce_again(std::move(handed[i].notices));
    if (all[i]->teller) all[i]->teller->follow(*all[i]->volume);
    frozen = frozen || all[i]->volume->frozen();
  }
  frozen_ = frozen;
  return frozen;
}

std::vector<ParkedView> ViewSet::to_park() const {
  std::vector<ParkedView> standing;
  for (const auto& view : now()) {
    if (view->ended) continue;
    standing.push_back(
        {view->number, view->notifier, *view->volume, *view->flusher, *view->session});
  }
  return standing;
}

void ViewSet::unmount() {
  const Lock turn(turn_);
  ending_ = true;
  const Views all = now();
  const Moment end = clock_.now() + config_.common.write_deadline;
  for (const auto& view : all) view->volume->end_by(end);
  for (auto view = all.rbegin(); view != all.rend(); ++view) (*view)->session->stop();
}

}  // namespace outboard::fusefs
