// CallLog: what is kept of one command, on disk, where the model's commands cannot see it: that it
// was to be started, what it printed, how it ended.
//
// Commands → CallLog → attachers. It is what makes "at most once" true: the intent is on disk,
// fsynced, before anything is started, and its name (the op id) can be made only once. It outlives
// the harness and the agent.
//
// One file for each op, X.call: a page that says what was intended, how much was printed and how it
// ended, then the first half of what is kept of the output, then a ring for the second half. No end
// and no process: lost.
//
// append, finish: one thread. read, state, watch: any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/guarded.h"
#include "core/ids.h"
#include "core/result.h"
#include "harness/exec_agent/descriptor.h"

namespace outboard::harness {

struct CallIntent {
  OpId op;
  Epoch epoch;
  std::uint64_t output_bytes_max = 0;
  Timestamp started;
};

struct CallEnd {
  std::int32_t exit_code = 0;
  std::int32_t signal = 0;
  bool timed_out = false;
  bool lost = false;
  Timestamp ended;
};

struct CallState {
  OpId op;
  std::optional<CallEnd> end;      // unset: it runs
  std::uint64_t output_bytes = 0;  // printed so far
  std::uint64_t dropped_bytes = 0;
  Timestamp started;
};

struct CallOutput {
  std::uint64_t offset = 0;  // of the first byte: beyond what was asked where bytes were dropped
  std::string bytes;         // empty: nothing there yet
};

// Told of new output and of the end, on the appending thread, holding no lock; must not wait.
class CallWatcher {
 public:
  virtual ~CallWatcher() = default;
  virtual void poke() = 0;
};

class CallLog {
 public:
  // exists: an intent of that op is there. unavailable: the disk refused.
  static Result<std::shared_ptr<CallLog>> create(const std::string& directory,
                                                 const CallIntent& intent);
  // One of an earlier life of the agent, as it was left. A call without an end is given one now:
  // lost, at `now`.
  static Result<std::shared_ptr<CallLog>> load(const std::string& directory, const OpId& op,
                                               Timestamp now);
  // Ops with an intent in `directory`.
  static std::vector<OpId> list(const std::string& directory);

  CallLog(const CallLog&) = delete;
  CallLog& operator=(const CallLog&) = delete;

  // A failing disk loses output, never the command: what it could not keep counts as dropped.
  void append(std::string_view bytes);
  // Output and end are on disk when it returns.
  void finish(const CallEnd& end);
  // Gives the output's space back; how it ended stays.
  void drop_output();

  CallState state() const;
  CallOutput read(std::uint64_t offset, std::size_t size_max) const;
  // Until the watcher is destroyed.
  void watch(std::weak_ptr<CallWatcher> watcher);

 private:
  CallLog(std::string path, const CallIntent& intent);
  // Of an ended call it is closed, and opened for each read: a thousand are kept.
  Descriptor reopen() const;
  std::uint64_t half() const { return intent_.output_bytes_max / 2; }
  std::uint64_t dropped(std::uint64_t total) const;
  void write_tail(std::string_view bytes, std::uint64_t offset) REQUIRES_LOCK(mutex_);
  void poke_watchers();

  const std::string path_;
  const CallIntent intent_;
  mutable Mutex mutex_;  // the file's bytes, too: the ring turns under it
  Descriptor file_ GUARDED_BY(mutex_);
  std::uint64_t total_ GUARDED_BY(mutex_) = 0;
  std::optional<CallEnd> end_ GUARDED_BY(mutex_);
  bool output_gone_ GUARDED_BY(mutex_) = false;
  std::vector<std::weak_ptr<CallWatcher>> watchers_ GUARDED_BY(mutex_);
};

}  // namespace outboard::harness
