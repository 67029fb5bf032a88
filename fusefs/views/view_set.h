// ViewSet: the views that a daemon shows, each with its parts, and how the set changes. [S62, D37]
//
// main → start() → ready; later control socket → change() → server (may it be opened?) → mounter →
// kernel. Those who look in (status, figures, barriers) hold what they look at: a view that leaves
// the tree meanwhile lives on until they are done.
//
// What always holds: a change happens whole or not at all, and what stays is not touched. Views
// stand outermost first and leave the other way round.
// Any thread. Lock order: turn_, then views_; the kernel, the store and the mounter are called with
// turn_ held alone.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "core/guarded.h"
#include "core/view_spec.h"
#include "fusefs/kernel/mounter.h"
#include "fusefs/kernel/session.h"
#include "fusefs/kernel/teller.h"
#include "fusefs/succession/parking.h"
#include "fusefs/volume/flusher.h"
#include "fusefs/volume/follower.h"
#include "fusefs/volume/sleep_watch.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

// One view, with its parts in the order of their births.
struct MountedView {
  // `number` is the mounter's.
  MountedView(const ViewSpec& given, const Mounter& mounted_by, std::size_t known_as)
      : spec(given), mounter(mounted_by), number(known_as) {}
  ~MountedView();
  MountedView(const MountedView&) = delete;
  MountedView& operator=(const MountedView&) = delete;

  const ViewSpec spec;
  const Mounter& mounter;
  const std::size_t number;
  std::atomic<bool> ended = false;  // unmounted from outside
  KernelNotifier notifier;
  std::unique_ptr<MountedVolume> volume;
  std::unique_ptr<Follower> follower;
  std::unique_ptr<Flusher> flusher;
  std::unique_ptr<Mounting> mounting;
  std::unique_ptr<KernelSession> session;
  std::unique_ptr<Teller> teller;  // nothing: nobody is told
};
// Of the views that a daemon starts with or takes over, in their order; those that come later have
// none. [S12]
using Tellers = std::vector<std::unique_ptr<Teller>>;
using Views = std::vector<std::shared_ptr<MountedView>>;

class ViewSet {
 public:
  struct Config {
    View common;                       // of all: owners, deadlines
    std::vector<int> handed;           // of the first views, mounted already; empty: it mounts
    std::function<void()> on_all_end;  // the last was unmounted from outside
    std::function<bool()> connected;
    std::function<Moment()> heard_since;
  };
  // All must outlive it.
  ViewSet(Store& store, RequestNumbers& numbers, const Mounter& mounter, const Clock& clock,
          Config config, Tellers tellers = {})
      : store_(store),
        numbers_(numbers),
        mounter_(mounter),
        clock_(clock),
        config_(std::move(config)),
        tellers_(std::move(tellers)) {}
  // Those inside others leave first.
  ~ViewSet();
  ViewSet(const ViewSet&) = delete;
  ViewSet& operator=(const ViewSet&) = delete;

  // Those of the command line, which are the mounter's first, outermost first. A refusal is the
  // server's or the mounter's.
  Status start(const std::vector<ViewSpec>& specs);
  // Makes the set be exactly `wanted`. What programs use does not leave, unless by `force`: then
  // they hear errors from what they have open; unsaved bytes are published before. Refused, and
  // then nothing has changed, as: conflict, a view is in use; no_access, it may not stand there;
  // not_found, the server knows no such volume; what a publish was refused as; unsupported, the
  // views were handed in.
  Status change(std::vector<ViewSpec> wanted, bool force);
  // change() to the present set with `coming` and without those at the paths `going`.
  // not_found: nothing is shown at one of them.
  Status amend(const std::vector<ViewSpec>& coming, const std::vector<std::string>& going,
               bool force);
  // ── From a running daemon, and to the next one; while no view changes [S59] ──
  // A view as that one shows it; nobody notices before serve().
  Status take_over(const ViewSpec& spec, const Volume& volume, HandedView handed, int descriptor);
  // They are this daemon's from here on: what each brought, in the order in which they were taken.
  // Whether they are suspended.
  bool serve(std::vector<HandedView> handed);
  // Those of specs(), in its order.
  std::vector<ParkedView> to_park() const;

  // Programs sleep, or are awake again: of all views, also of those that come later. [S55]
  void set_frozen(bool frozen);

  Views now() const;
  std::vector<ViewSpec> specs() const;
  // Out of the tree, with everything published by the end of one write deadline; who looks in can
  // still ask. For the end. [S9]
  void unmount();

 private:
  // What leaves, innermost first, and what comes, outermost first.
  struct Plan {
    Views going;
    std::vector<ViewSpec> coming;
  };

  Status change_to(std::vector<ViewSpec> wanted, bool force) REQUIRES_LOCK(turn_);
  Plan plan_for(const std::vector<ViewSpec>& wanted) const;
  // Ready to be mounted: the server has opened it and the mounter knows its place. `all` are those
  // that will stand beside it.
  Result<std::shared_ptr<MountedView>> open(const ViewSpec& spec, const std::vector<ViewSpec>& all);
  Status fill(MountedView& view, const std::vector<ViewSpec>& all);
  void follow(MountedView& view);
  SessionConfig session_of(MountedView& view);
  Status stand(const std::shared_ptr<MountedView>& view);
  Status leave(const std::shared_ptr<MountedView>& view, bool force);
  void match_frozen(MountedView& view) const;
  // Those that left stand again, as new ones.
  void bring_back(std::vector<ViewSpec> gone, const std::vector<ViewSpec>& before);
  // The view in whose root it stands or will stand; nothing: it is in none.
  std::shared_ptr<MountedView> outer_of(const MountedView& view) const;
  void give_place_back(const MountedView& view);
  void note_end(MountedView& view);

  Store& store_;
  RequestNumbers& numbers_;
  const Mounter& mounter_;
  const Clock& clock_;
  const Config config_;
  SleepWatch sleep_watch_;
  std::atomic<bool> frozen_ = false;
  Mutex turn_;
  bool ending_ GUARDED_BY(turn_) = false;
  Tellers tellers_ GUARDED_BY(turn_);  // until their views are mounted
  Guarded<Views> views_;
};

}  // namespace outboard::fusefs
