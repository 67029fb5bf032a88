// Exec: what a harness may ask of a running sandbox, whoever made it. The words of exec.proto.
//
// tools → Exec ← ExecClient (over gRPC, the real one), and the fakes that tests of the tools use.
//
// What always holds: a command is named by its op id and starts at most once, however often it is
// asked for; whoever comes with a lower epoch than the sandbox has seen is `fenced`; an answer
// `unavailable` says nothing about what happened (ask again with the same op id), not_found says
// that this sandbox never saw the op.
//
// Any thread; every function blocks until its answer or the deadline.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/digest.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard::harness {

// Volume name → the seq that the sandbox's mounts must show first. [S6]
using SeqMap = std::map<std::string, Seq>;

struct ExecCommand {
  OpId op;
  Epoch epoch;
  Generation generation;               // of the sandbox it is meant for; another one is `fenced`
  std::vector<std::string> arguments;  // with `shell` one: the text of a command
  std::string directory;               // absolute; empty: the workspace, or where the shell is
  std::map<std::string, std::string> environment;  // added to the sandbox's own; never a secret
  std::chrono::milliseconds timeout{0};            // then its whole process tree is killed; 0: none
  std::uint64_t output_bytes_max = 0;  // kept of its output, head and tail; 0: the default
  SeqMap barrier;
  std::string author;  // whose inner layer; empty: the session's creator
  bool shell = false;  // in the long-lived shell: cwd and environment persist
};

struct ExecState {
  OpId op;
  bool running = false;
  bool lost = false;  // the exec agent died while it ran: it was killed, nobody saw how far
                      // it had come. Never run it again unasked
  std::int32_t exit_code = 0;  // when it exited by itself
  std::int32_t signal = 0;     // that ended it; 0: none did
  bool timed_out = false;
  std::uint64_t output_bytes = 0;   // printed so far, with what was dropped
  std::uint64_t dropped_bytes = 0;  // from the middle
  Timestamp started;
  Timestamp ended;  // 0 while it runs
};

struct ExecStarted {
  bool started = false;  // by this request; false: it was known already
  ExecState state;
};

// Takes a command's output in order; `offset` is of its first byte and jumps where the middle was
// dropped. False: enough, stop attaching.
using OutputSink = std::function<bool(std::uint64_t offset, std::string_view bytes)>;

struct FreezeOutcome {
  bool deferred = false;  // something was active, or would not stop in time: nothing was changed
  std::chrono::microseconds took{0};
};

struct FileContent {
  std::string bytes;  // of the asked range
  std::uint64_t total_size = 0;
  Sha256 digest;  // of the whole file
};

struct FileWrite {
  OpId op;  // a repeat with the same bytes succeeds and changes nothing
  Epoch epoch;
  std::string path;                // absolute below the workspace, or relative to it
  std::string bytes;               // the whole new content
  std::optional<Sha256> expected;  // what is there now; a zero digest: nothing is. Unset: whatever
  std::uint32_t mode = 0;          // for a new file; 0: 0644. An existing one keeps its own
  std::string author;
};

struct FileWritten {
  Sha256 digest;           // of what is there now
  bool unchanged = false;  // it was there already
};

class Exec {
 public:
  virtual ~Exec() = default;

  virtual Result<ExecStarted> start(const ExecCommand& command, Moment deadline) = 0;
  // Streams output from `offset` to `sink` on the caller's thread until the command has ended.
  virtual Result<ExecState> attach(const OpId& op, std::uint64_t offset, const OutputSink& sink,
                                   Moment deadline) = 0;
  // To the whole process tree. False: it had ended.
  virtual Result<bool> signal(const OpId& op, Epoch epoch, int number, Moment deadline) = 0;
  // How it ended, or, at the deadline, timed_out.
  virtual Result<ExecState> wait(const OpId& op, Moment deadline) = 0;
  // Newest first, at most 1,000.
  virtual Result<std::vector<ExecState>> commands(Moment deadline) = 0;

  // Stops the model's processes, only when no operation is active.
  virtual Result<FreezeOutcome> freeze(Epoch epoch, Moment deadline) = 0;
  // Lets them run again once the mounts have caught up. Answers how long that took.
  virtual Result<std::chrono::microseconds> thaw(Epoch epoch, const SeqMap& barrier,
                                                 Moment deadline) = 0;

  // Bytes [offset, offset + size) of a file of the workspace; size 0: the rest.
  virtual Result<FileContent> read_file(std::string_view path, std::uint64_t offset,
                                        std::uint64_t size, Moment deadline) = 0;
  // Replaces a file at once, whole. conflict: it is not as expected.
  virtual Result<FileWritten> write_file(const FileWrite& write, Moment deadline) = 0;
};

}  // namespace outboard::harness
