// What the rules of one op stand on: finding nodes and names, checking preconditions, and recording
// what was done. Private to the commit*.cpp files; core/commit.h is their door.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/commit.h"

namespace outboard::rules {

// One step in progress.
struct Work {
  WorkingSet& set;
  const Origin& origin;
  const Precondition& when;
  const Scope& scope;
  const Timestamp written;  // when the bytes were that it stores
};

// A name in an existing directory, and what stands there.
struct Place {
  StoredNode parent;
  std::string path;  // of the name, whole
  Dentry dentry;
  std::optional<StoredNode> there;
};

// An existing node, found by number or path.
struct Target {
  StoredNode stored;
  std::string path;  // empty when it went by number and nobody had to know
  Dentry dentry;     // parent 0 when it went by number
};

// Modes and owner of directories that are made on the way.
struct ParentStyle {
  std::uint32_t mode = 0755;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

Error refuse(Code code, std::string subject, const std::string& message);

// All that is found here is about to be changed, so it must be the caller's to write: read_only
// when it may be read only, else as if it were not there.
//
// not_found, not_directory; name_too_long for the whole path. Does not check the precondition.
Result<Place> find_place(Work& work, const NameRef& name);
// The same, after making the directories that are missing in a parent given by path.
Result<Place> make_place(Work& work, const NameRef& name, const ParentStyle& style);
Result<Target> find_target(Work& work, const NodeRef& node);
// The same, and it is a file: is_directory, invalid.
Result<Target> find_file(Work& work, const NodeRef& node);

// `conflict` when the step's precondition does not hold for what stands there.
Status check_when(Work& work, const std::optional<StoredNode>& there, const std::string& path);
// find_place and check_when in one.
Result<Place> enter_place(Work& work, const NameRef& name);

// A new node with all times now, one name, nothing in it.
Result<StoredNode> new_node(Work& work, Kind kind, std::uint32_t mode, std::uint32_t uid,
                            std::uint32_t gid);
// Puts the new node at its empty place, records `create`, counts it.
Result<Outcome> place_new(Work& work, const Place& place, const StoredNode& stored);

// The directory's content changed: its times are now, and `links` subdirectories came or went.
Status touch_directory(Work& work, Inode directory, int links);

// A change of `kind` with the step's origin.
Change make_change(const Work& work, ChangeKind kind, const Node& node, std::string path);
// A path for people of a node found by number; empty when its name is not at hand.
std::string path_for_log(Work& work, const Target& target);

// What a node counts for in the volume's quota of bytes.
std::int64_t bytes_used(const Node& node);

Outcome outcome_of(const Node& node, const Dentry& dentry, Seq seq);

// judge() and its refusal as one: never `refused`.
Result<Verdict> judge_base(Work& work, std::optional<Version> base, Version current,
                           const std::string& path);

// The version that a writer built on. A rewrite from scratch needs none: version 0 then, as when
// history does not reach back. `conflict` when it is needed and not kept.
Result<StoredVersion> base_of(Work& work, const Target& target, std::optional<Version> wanted,
                              bool needed);

// The file's content from `keep` on becomes `rest`, as one new version.
Result<Outcome> rewrite_from(Work& work, Target& target, std::uint64_t keep, std::string rest);
// A new file at an empty place; `conflict`: the change is flagged.
Result<Outcome> publish_new(Work& work, const Place& place, const Publish& op, bool conflict);

// ── The policy `merge`: commit_merge.cpp ─────────────────────────────────────────────────────────

// What a writer whose base is no longer current had made its bytes from.
struct Origins {
  Version base;
  const Edit* merged = nullptr;  // as in Write; none: the base as it is
};
// Puts `mine` into the file: merged with what is there, or as a conflict copy beside it. [S35]
Result<Outcome> merge_into(Work& work, Target& target, const Origins& from,
                           const std::string& mine);
// What `op`, made from a version that is no longer current, would have made of the whole file.
Result<std::string> bytes_of_write(Work& work, const Target& target, const Write& op);
// A new file with `mine` beside the empty place where it cannot be: its name was removed.
Result<Outcome> set_aside(Work& work, const Place& place, const Publish& op);
// An empty place beside `place` for a node that cannot stand there.
Result<Place> place_beside(Work& work, const Place& place, const Sha256& mark);

// Makes `content`, a version of the node `from`, the new version of the file at `target`.
Result<Outcome> put_restored(Work& work, Target& target, Inode from, const StoredVersion& content);
// A new file at the empty `place` with that content, and the mode and owner of `like`.
Result<Outcome> place_restored(Work& work, const Place& place, const Node& like,
                               const StoredVersion& content);

// Removes the name at `place`, and the node when it was the last; the parent's times too.
Result<Outcome> remove_name(Work& work, const Place& place);

// ── One function for each op ─────────────────────────────────────────────────────────────────────

Result<Outcome> apply(Work& work, const CreateFile& op);
Result<Outcome> apply(Work& work, const MakeDirectory& op);
Result<Outcome> apply(Work& work, const MakeNode& op);
Result<Outcome> apply(Work& work, const MakeSymlink& op);
Result<Outcome> apply(Work& work, const MakeLink& op);
Result<Outcome> apply(Work& work, const Rename& op);
Result<Outcome> apply(Work& work, const Unlink& op);
Result<Outcome> apply(Work& work, const RemoveDirectory& op);
Result<Outcome> apply(Work& work, const SetAttributes& op);
Result<Outcome> apply(Work& work, const SetXattr& op);
Result<Outcome> apply(Work& work, const RemoveXattr& op);
Result<Outcome> apply(Work& work, const Write& op);
Result<Outcome> apply(Work& work, const Truncate& op);
Result<Outcome> apply(Work& work, const Append& op);
Result<Outcome> apply(Work& work, const Publish& op);
Result<Outcome> apply(Work& work, const Restore& op);
Result<Outcome> apply(Work& work, const Redact& op);

}  // namespace outboard::rules
