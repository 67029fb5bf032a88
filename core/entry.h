// Node, Entry: what a volume holds. A node is a file, directory or symlink; an entry is its name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "core/clock.h"
#include "core/digest.h"
#include "core/ids.h"

namespace outboard {

// The last four exist as metadata only: a name with a type and a device number.
enum class Kind : std::uint8_t {
  file,
  directory,
  symlink,
  fifo,
  socket,
  char_device,
  block_device
};

// What stat shows and chmod, chown, utimens and truncate change.
struct Attributes {
  std::uint32_t mode = 0644;  // permission bits only, 07777; the type is Node::kind
  std::uint32_t uid = 0;      // as stored; a view may show others [D13]
  std::uint32_t gid = 0;
  std::uint64_t size = 0;    // bytes; of a symlink its target's length; of a directory 0
  std::uint32_t links = 1;   // names of the node; of a directory 2 + subdirectories; 0: removed
  std::uint64_t device = 0;  // of char_device and block_device
  Timestamp accessed;        // set by utimens only: reads leave it alone
  Timestamp modified;        // content
  Timestamp changed;         // content or attributes

  friend bool operator==(const Attributes&, const Attributes&) = default;
};

// A node without its names. Immutable value; a newer one has a higher seq.
struct Node {
  Inode inode;
  Kind kind = Kind::file;
  Attributes attributes;
  Version version;                // of the content; 0 for all but files
  std::optional<Sha256> digest;   // of the content at `version`; unset: not computed (chunked)
  std::string target;             // of a symlink
  std::uint32_t xattr_bytes = 0;  // names and values together; 0: none, no need to ask

  bool removed() const { return attributes.links == 0; }
  bool is(Kind other) const { return kind == other; }
  friend bool operator==(const Node&, const Node&) = default;
};

// A name in a directory. The root's entry has parent 0 and an empty name.
struct Dentry {
  Inode parent;
  std::string name;

  friend auto operator<=>(const Dentry&, const Dentry&) = default;
};

// A name together with its node.
struct Entry {
  Dentry dentry;
  Node node;

  friend bool operator==(const Entry&, const Entry&) = default;
};

using Xattrs = std::map<std::string, std::string>;

// What happens when a publish was based on a version that is no longer current. [S4]
enum class Policy : std::uint8_t {
  last_writer,  // both versions stay in history; the change is flagged
  merge,        // three-way by lines; what cannot be merged becomes a conflict copy
  refuse,       // the publish is refused with `conflict`
};

// What becomes of a write that breaks a rule of its volume. [S22, S32]
enum class Strictness : std::uint8_t {
  off,     // nobody looks
  warn,    // it happens, its writer is told, and its change is flagged
  refuse,  // it does not happen
};

// Who sees a change, and when. [S33]
enum class VolumeMode : std::uint8_t {
  direct,    // all, at once
  reviewed,  // who may write: at once; all others: when it is published
};

// How much of its past a volume keeps: what any of the set limits drops, goes. What is current, and
// what is younger than kRetentionAgeMin, stays whatever they say. [S31]
struct Retention {
  std::uint64_t versions = 0;  // of each file, the current one counted; 0: all
  std::uint64_t seconds = 0;   // versions and changes younger than this stay; 0: of any age
  std::uint64_t bytes = 0;     // of versions that are not current, in all; 0: no limit

  bool empty() const { return versions == 0 && seconds == 0 && bytes == 0; }
  friend bool operator==(const Retention&, const Retention&) = default;
};

// A named tree, as Store::open_volume answers.
struct Volume {
  VolumeId id;
  std::uint64_t organisation = 0;  // its owner's number
  std::string name;                // "acme/skills", "acme/~ada/memory"
  Policy policy = Policy::last_writer;
  bool strict = false;            // publishes wait for the mounts' leases [S7]
  bool read_only = false;         // to this caller
  std::uint64_t quota_bytes = 0;  // 0: none
  std::uint64_t quota_nodes = 0;  // 0: none
  std::uint64_t used_bytes = 0;
  std::uint64_t used_nodes = 0;
  std::uint64_t used_versions = 0;
  std::uint64_t quota_versions = 0;  // kept versions of all files; 0: no limit
  Seq head;                          // when answered
  Seq pruned = {};  // the log up to here is no longer kept, nor the trees before it
  Retention retention = {};
  Strictness skill_lint = Strictness::off;   // of each SKILL.md
  Strictness secret_scan = Strictness::off;  // of all that is written
  std::string ignored = {};                  // patterns of names without history (core/ignored.h)
  VolumeMode mode = VolumeMode::direct;
  bool second_reviewer = false;  // whoever submitted a revision may not approve it
  Seq published = {};            // up to here readers see a reviewed volume
  std::uint64_t revision = 0;    // number of the published revision; 0: none yet

  friend bool operator==(const Volume&, const Volume&) = default;
};

}  // namespace outboard
