// Undo: what it takes to make a tree again what it was, as steps that anybody may look at first.
//
// A caller who asks for a plan → the log and the past of a Store → steps for Store::apply. Every
// step has a precondition: what changed since the plan was made refuses its batch. The cost is that
// of what was changed, and with a path that of what stands below it. Pure but for the Store. [S29]
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "core/store.h"

namespace outboard {

// Which changes are to be undone: one of the first three.
struct UndoQuery {
  std::optional<Seq> as_of;  // all behind this seq
  SessionId session;         // all of one session
  OpId op;                   // all of one tool call
  std::string path = "/";    // with as_of: only of what stands there, or stood there then
  bool force = false;        // also where others have changed the same node since
};

enum class UndoKind : std::uint8_t { remove, bring_back, rename, content, attributes, xattrs };
std::string_view name_of(UndoKind kind);

struct UndoStep {
  UndoKind kind = UndoKind::content;
  std::string path;  // as the log has it, for people
  Step step;
};

// What stays as it is, and why.
struct UndoConflict {
  std::string path;
  std::string why;
};

struct UndoPlan {
  std::vector<UndoStep> steps;  // in the order in which they must be done
  std::vector<UndoConflict> conflicts;
};

// `call` gives each request its deadline. history_gone: the log does not reach back so far.
// not_found: there is nothing at the path, and was not.
Result<UndoPlan> plan_undo(Store& store, const std::function<Call()>& call, VolumeId volume,
                           const UndoQuery& query);

// The last seq at or before `time`; 0 when the volume's log begins later. Bisects the log.
Result<Seq> seq_at(Store& store, const std::function<Call()>& call, VolumeId volume,
                   Timestamp time);

}  // namespace outboard
