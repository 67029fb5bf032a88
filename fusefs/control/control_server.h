// ControlServer: the daemon's local socket: barrier, status, views, token. Serves mount.proto.
//
// outer layer of the sandbox → unix socket (0600) → here → MountedVolume. Few callers, so gRPC's
// own threads may wait in a barrier; they are at most kControlCallsMax. The socket is listened on
// by a thread of ours, which tells who speaks gRPC from a daemon that wants to take over.
//
// What always holds: nothing here reaches the store with other rights than the daemon's own token;
// a token that arrives is never logged. What mount.proto promises and this daemon does not do yet
// is answered UNIMPLEMENTED with the way out.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "core/view_spec.h"
#include "fusefs/disk_cache/disk_cache.h"
#include "fusefs/volume/activity.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

// A view that leaves the tree while somebody holds this lives on until they are done.
struct ControlledView {
  std::string path;  // mountpoint
  MountedVolume& volume;
  std::shared_ptr<const void> kept = nullptr;
  std::function<Activity()> activity = [] { return Activity{}; };
  // Whether no program waits for an answer; waits for that until the moment.
  std::function<bool(Moment until)> idle = [](Moment) { return true; };
  // Brings what is at and below `place`, a path within the view, near to programs.
  std::function<Result<Prewarmed>(const std::string& place, std::uint64_t bytes_max,
                                  Moment deadline)>
      prewarm = nullptr;
};

// What the set of views shall be: exactly `views`; or, where `amends`, besides what is there.
struct WantedViews {
  bool amends = false;
  std::vector<ViewSpec> views;
  std::vector<std::string> going = {};  // mountpoints; of an amendment
  bool force = false;
};

class ControlServer;

// What the daemon lets its socket see and do. The functions may be called from any thread.
struct ControlledDaemon {
  std::string version;
  std::string server;                                  // its address
  std::function<std::vector<ControlledView>()> views;  // as of now
  std::function<Moment()> current_as_of;               // when the server was last heard
  std::function<bool()> connected;
  // Programs sleep, or are awake again: all views prove nothing meanwhile, and the server need not
  // wait for this mount's acknowledgements: once it says so, or is not to be reached. [S7, S55]
  std::function<void(bool frozen)> set_frozen = [](bool) {};
  // Takes the token into use; refuses one that the server does not accept, and keeps the old.
  std::function<Result<Timestamp>(const std::string& token)> renew_token;
  std::function<Status(const WantedViews& wanted)> set_views;
  // Another daemon has connected, to take over: its connection, which is the function's. It comes
  // back when nothing came of that. [S59]
  std::function<void(ControlServer& control, int connection)> hand_over = {};
  std::function<std::optional<DiskUse>()> disk_cache = [] { return std::nullopt; };
  std::uint64_t handovers = 0;  // how many there were since the views were mounted
  Timestamp taken_over = {};    // when the last was; with none of no meaning
};

class ControlServer {
 public:
  // Listens on `socket`, replacing a socket that nobody serves any more. unavailable: it cannot.
  // The volumes and `clock` must outlive it.
  static Result<std::unique_ptr<ControlServer>> start(const std::string& socket,
                                                      ControlledDaemon daemon, const Clock& clock);
  // Goes on at a socket that another process has listened on, and still may: nobody who connects
  // meanwhile is refused. The descriptor is the server's.
  static Result<std::unique_ptr<ControlServer>> take_over(const std::string& socket, int listener,
                                                          ControlledDaemon daemon,
                                                          const Clock& clock);
  // Ends calls that wait.
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  // For a successor: what take_over() wants; and from here on no call changes anything, those that
  // come wait. False: one was still under way at `until`, and all go on.
  int listener() const;
  bool pause(Moment until);
  void resume();

 private:
  struct Parts;
  explicit ControlServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::fusefs
