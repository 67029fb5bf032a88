// FolderSync: keeps a folder and a part of a volume in step, both ways. [S57]
//
// Place in the flow: inotify and a scan → paths; the volume's feed → paths; each path is looked at
// on both sides and decided by what they last had in common (decision.h): sent with the version it
// was made from, so that the volume's policy judges it as it judges a mount's publish, or brought.
//
// What always holds:
//  - Bytes that were written here go to the volume, or stand in the folder, or both: nothing is
//    replaced that was not looked at, and what came in between is kept beside.
//  - A record is written once its file is on the disk; a record that is lost is found again by
//    comparing contents.
//  - The store is asked one thing at a time; a batch whose answer was lost is sent again under its
//    number before anything else is.
//
// One thread; only the feed's sink is called from others. The folder is whoever holds its lock's.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "cli/sync/decision.h"
#include "cli/sync/folder.h"
#include "cli/sync/folder_watch.h"
#include "cli/sync/followed_tree.h"
#include "cli/sync/state.h"
#include "core/cancellation.h"
#include "core/feed.h"
#include "core/store.h"

namespace outboard::sync {

enum class Happened : std::uint8_t {
  sent,
  brought,
  removed_here,
  removed_there,
  kept_beside,  // a conflict copy; the note is its path
  overridden,   // what somebody else had written; their version is in the history
  refused,      // it stays as it is here; the note says why
  passed_over,
  waiting,  // for the server; the note says what it said
};

struct Event {
  Happened what;
  std::string path;
  std::string note;
};

struct SyncOptions {
  std::string part = "/";     // of the volume
  bool accept_empty = false;  // a folder that was emptied empties the part, too
  std::function<bool(std::string_view)> passes_over = {};
  std::function<void(const Event&)> tell = {};
  std::chrono::milliseconds timeout{60'000};  // for one answer
  std::shared_ptr<Cancellation> stop = std::make_shared<Cancellation>();
};

class Bell;

class FolderSync {
 public:
  // `client` names this process to the store and is used by nobody else. conflict: the folder is
  // another's, or in step with something else.
  static Result<std::unique_ptr<FolderSync>> open(Store& store, const Volume& volume,
                                                  ClientId client, const Clock& clock,
                                                  const std::filesystem::path& folder,
                                                  SyncOptions options);
  ~FolderSync();
  FolderSync(const FolderSync&) = delete;
  FolderSync& operator=(const FolderSync&) = delete;

  // Reads the volume's names and the folder. not_empty: the folder was emptied, and nothing says
  // that the volume is to be.
  Status start();
  // Until nothing more is known to differ. unavailable, timed_out: the rest can be done later, by
  // calling it again.
  Status catch_up();
  // The same, and what was being written is looked at again for a while.
  Status catch_up_once();
  // start(), then catch_up() whenever something happens, until options.stop.
  Status run();

 private:
  struct Work {
    std::string path;
    Sides sides;
    Verdict verdict = Verdict::nothing;
  };
  // Steps of one path, and whose outcome tells what stands there.
  struct Sending {
    Work work;
    std::vector<Step> steps;
    std::size_t head = 0;
    std::uint64_t bytes = 0;
    std::string moved_from = {};  // a rename
    bool removes = false;
    bool attributes_only = false;
  };
  struct Outgoing {
    Batch batch;
    std::vector<Sending> sendings;
  };

  FolderSync(Store& store, const Volume& volume, ClientId client, const Clock& clock, Folder folder,
             State state, SyncOptions options);

  Call call() const;
  void tell(Happened what, const std::string& path, const std::string& note = {});
  bool stopped() const { return options_.stop->requested(); }

  // ── What is to be looked at ──
  bool takes(const std::string& path);
  void mark(const std::string& path);
  void mark_below(const std::string& path);
  void mark_differences();
  Status scan(const std::string& path);
  Status scan_one(const std::string& path, std::vector<std::string>& open,
                  std::set<std::string>& seen);
  Status follow();
  Status take_item(const FeedItem& item);
  Status take_remote();
  Status reach(Seq seq);
  Status check_there() const;
  Status take_local();

  // ── One pass ──
  Status pass();
  Status carry_out(std::vector<Work> work);
  std::optional<Work> consider(const std::string& path);
  std::optional<Local> observe(const std::string& path, const std::optional<Record>& base,
                               bool& known);
  Status check_not_emptied(const std::vector<Work>& work);
  Status resolve(Work& work);  // both
  Result<bool> is_older_version(const Work& work);
  Result<bool> has_content(const Work& work, const VersionInfo& version);
  void record(const Work& work, const Node& node);
  void keep_beside(const Work& work);
  void postpone(const std::string& path, const Error& error);

  // ── Sending (sync_send.cpp) ──
  bool is_moved_directory(const std::string& from, const std::string& to) const;
  Result<bool> send_moves(const std::vector<Work>& work);  // whether a directory was
  Status send_first(std::vector<Work>& work);
  Status send_removals(std::vector<Work>& work);
  Status send_rest(std::vector<Work>& work);
  NameRef name_of(std::string_view path) const;
  Step make_directory(std::string_view path) const;
  Step removal_of(const Work& work) const;
  Sending move_of(const std::string& from, Work to) const;
  Result<Sending> sending_of(Work work);
  void add_file_steps(Sending& sending, std::string bytes) const;
  Status send_in_pieces(Work work);
  Status refuse_pieces(const Work& work, const Error& error);
  Result<Applied> ask(std::vector<Step> steps);
  Status add(std::vector<Sending>& sendings, Sending sending);
  Status flush(std::vector<Sending>& sendings);
  Status send(Outgoing outgoing);
  Status settle_sent(Outgoing outgoing, const Result<Applied>& answer);
  void settle_one(const Sending& sending, const Outcome& outcome);
  Status settle_refused(const Sending& sending, const Error& error);
  Status resend();

  // ── Bringing (sync_bring.cpp) ──
  struct Fetched {
    Draft draft;
    Sha256 digest;
  };
  Status bring(std::vector<Work>& work);
  bool is_written(const Work& work);
  void remove_here(const Work& work);
  void bring_mode(const Work& work);
  bool clear_way(const Work& work);
  void bring_directory(const Work& work);
  void bring_symlink(const Work& work);
  Status bring_files(const std::vector<Work>& files);
  Status bring_group(const std::vector<const Work*>& files);
  // `content` is null for a file that is read in parts.
  Result<Fetched> fetch(const Work& work, const Result<Content>* content);
  void place(const Work& work, Draft& draft, const Sha256& digest,
             std::vector<std::string>& placed);

  Store& store_;
  const Volume volume_;
  const ClientId client_;
  const Clock& clock_;
  const SyncOptions options_;
  Folder folder_;
  State state_;
  FollowedTree tree_;
  std::optional<FolderWatch> watch_;  // while it runs on
  std::shared_ptr<Bell> bell_;
  std::unique_ptr<Subscription> subscription_;
  bool lost_feed_ = false;
  std::uint64_t number_ = 0;
  std::set<std::string> dirty_;
  std::set<std::string> later_;
  std::map<std::string, std::string> told_;  // refusals, once
  std::map<std::string, unsigned> tries_;    // of what the volume finds outdated
  std::set<std::string> unmovable_;          // whose moving was refused
  std::optional<Outgoing> in_doubt_;
};

}  // namespace outboard::sync
