// Op: what a caller may ask of a volume. A closed set; a batch of them happens whole or not at all.
//
// One rule book (core/commit.h) applies ops for every store. A store that does not have an op yet
// refuses it with Code::unsupported; nothing is dropped in silence.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "core/entry.h"
#include "core/ids.h"
#include "core/result.h"

namespace outboard {

// A node, by number or by path ("/a/b"; symlinks in it are not followed).
using NodeRef = std::variant<Inode, std::string>;

// A name in a directory that is given by number or by path.
struct NameRef {
  NodeRef parent;
  std::string name;

  friend bool operator==(const NameRef&, const NameRef&) = default;
};

// What must hold when the op runs; else the batch is refused with `conflict`. All set ones count.
// For an op on a name they speak of the node that stands there.
struct Precondition {
  bool absent = false;             // nothing stands at the name
  std::optional<Version> version;  // its content is this version
  std::optional<Sha256> digest;    // its content has this digest

  bool empty() const { return !absent && !version && !digest; }
  friend bool operator==(const Precondition&, const Precondition&) = default;
};

// ── Names ────────────────────────────────────────────────────────────────────────────────────────

// A new, empty file. With `exclusive` an existing name is `exists`; without, an existing file is
// answered as it is (open(O_CREAT)).
struct CreateFile {
  NameRef at;
  std::uint32_t mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool exclusive = true;
  friend bool operator==(const CreateFile&, const CreateFile&) = default;
};

// With `parents`, missing directories above it are made too and an existing directory is answered.
struct MakeDirectory {
  NameRef at;
  std::uint32_t mode = 0755;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool parents = false;
  friend bool operator==(const MakeDirectory&, const MakeDirectory&) = default;
};

// fifo, socket, char_device, block_device: metadata only.
struct MakeNode {
  NameRef at;
  Kind kind = Kind::fifo;
  std::uint32_t mode = 0644;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t device = 0;
  friend bool operator==(const MakeNode&, const MakeNode&) = default;
};

struct MakeSymlink {
  NameRef at;
  std::string target;  // 1..kSymlinkBytesMax bytes, not interpreted
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  friend bool operator==(const MakeSymlink&, const MakeSymlink&) = default;
};

// A further name for a node that is no directory.
struct MakeLink {
  NodeRef node;
  NameRef at;
  friend bool operator==(const MakeLink&, const MakeLink&) = default;
};

enum class RenameMode : std::uint8_t { replace, no_replace, exchange };

// rename(2) and renameat2(2). `base` is the version of the file at `to` that this caller last saw:
// Version{0} for "absent", unset for "whatever is there". A rename over a newer one is a conflict
// and goes by the volume's policy. [S4]
struct Rename {
  NameRef from;
  NameRef to;
  RenameMode mode = RenameMode::replace;
  std::optional<Version> base;
  friend bool operator==(const Rename&, const Rename&) = default;
};

// Removes the name of anything but a directory; with the last one the node goes.
struct Unlink {
  NameRef at;
  friend bool operator==(const Unlink&, const Unlink&) = default;
};

struct RemoveDirectory {
  NameRef at;
  bool recursive = false;  // with all that is in it, in one batch
  friend bool operator==(const RemoveDirectory&, const RemoveDirectory&) = default;
};

// ── Attributes ───────────────────────────────────────────────────────────────────────────────────

// Changes what is set. A size change is Truncate.
struct SetAttributes {
  NodeRef node;
  std::optional<std::uint32_t> mode;
  std::optional<std::uint32_t> uid;
  std::optional<std::uint32_t> gid;
  std::optional<Timestamp> accessed;
  std::optional<Timestamp> modified;
  friend bool operator==(const SetAttributes&, const SetAttributes&) = default;
};

enum class XattrMode : std::uint8_t { create_or_replace, create, replace };

struct SetXattr {
  NodeRef node;
  std::string name;
  std::string value;
  XattrMode mode = XattrMode::create_or_replace;
  friend bool operator==(const SetXattr&, const SetXattr&) = default;
};

struct RemoveXattr {
  NodeRef node;
  std::string name;
  friend bool operator==(const RemoveXattr&, const RemoveXattr&) = default;
};

// ── Content ──────────────────────────────────────────────────────────────────────────────────────

struct Extent {
  std::uint64_t offset = 0;
  std::string bytes;

  std::uint64_t end() const { return offset + bytes.size(); }
  friend bool operator==(const Extent&, const Extent&) = default;
};

// Other content made of some: first all from `keep` on is dropped (unset: nothing is), then the
// extents are laid over it in order, then the size becomes `size` (unset: what came of it). Gaps
// read as zeros.
struct Edit {
  std::optional<std::uint64_t> keep;
  std::vector<Extent> extents;
  std::optional<std::uint64_t> size;
  friend bool operator==(const Edit&, const Edit&) = default;
};

// One new version made from `base` (unset: from what is current) as an Edit says. A write on a base
// that is no longer current is a conflict and goes by the volume's policy. [S1, S4]
//
// `merged` is for a writer who goes on with its own bytes after they were merged with others': what
// of this write is in the file already, as an edit of the same base. No version has those bytes;
// what is merged now is the difference to them. It is asked under the policy `merge` only. [S35]
struct Write {
  NodeRef node;
  std::optional<Version> base;
  std::optional<std::uint64_t> keep;
  std::vector<Extent> extents;
  std::optional<std::uint64_t> size;
  std::optional<Edit> merged = std::nullopt;
  friend bool operator==(const Write&, const Write&) = default;
};

struct Truncate {
  NodeRef node;
  std::uint64_t size = 0;
  friend bool operator==(const Truncate&, const Truncate&) = default;
};

// Adds to the end, wherever that is by now: appends never conflict. [S3]
struct Append {
  NodeRef node;
  std::string bytes;
  friend bool operator==(const Append&, const Append&) = default;
};

// The whole content of a file that is made if it is not there, with its parent directories when
// `parents`. An existing file keeps its inode, and its mode unless `mode` is set.
struct Publish {
  NameRef at;
  std::string bytes;
  std::optional<Version> base;        // as in Write; Version{0}: it was absent
  std::optional<std::uint32_t> mode;  // unset: 0644 for a new file
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  bool parents = false;
  friend bool operator==(const Publish&, const Publish&) = default;
};

// ── The past ─────────────────────────────────────────────────────────────────────────────────────

// Brings back what was. The content of `version` becomes a new version of the file at `to` (unset:
// of the node itself, which stands where it stands); Version{0} is the node's last content. What
// was removed comes back under `to` as the node it was, with its history; the content of a node
// that now stands elsewhere is copied. The precondition speaks of what stands at `to`. [S29]
struct Restore {
  Inode inode;
  Version version;
  std::optional<NameRef> to;
  bool parents = false;  // make missing directories above `to`
  friend bool operator==(const Restore&, const Restore&) = default;
};

// Purges the bytes and digests of one version, or of all there are (Version{0}), and then what the
// extended attributes have been, too; of what is no file, those alone. Its numbers, its author and
// its place in the log stay. Only administrators may. [S30]
struct Redact {
  Inode inode;
  Version version;
  friend bool operator==(const Redact&, const Redact&) = default;
};

using Op = std::variant<CreateFile, MakeDirectory, MakeNode, MakeSymlink, MakeLink, Rename, Unlink,
                        RemoveDirectory, SetAttributes, SetXattr, RemoveXattr, Write, Truncate,
                        Append, Publish, Restore, Redact>;

struct Step {
  Op op;
  Precondition when;
  friend bool operator==(const Step&, const Step&) = default;
};

// Happens whole or not at all. With a request id it happens at most once, however often it is sent:
// the store answers a repeat with the first answer. `acknowledged` says that the client will not
// ask about that number or any lower one again. `written` is when its bytes were written by their
// machine's clock, which is then what their files show, unless it is off by more than a program's
// bytes could have waited (kWrittenBehindMax, kWrittenAheadMax). [S10]
struct Batch {
  RequestId request;  // nil client: not repeatable (tests, tools that can look for themselves)
  std::uint64_t acknowledged = 0;
  std::vector<Step> steps;
  Timestamp written{};  // 0: not said, so when they are stored
  friend bool operator==(const Batch&, const Batch&) = default;
};

// What the op does, as logs and errors call it: "rename", "write".
std::string_view name_of(const Op& op);

// What the op is about, for a person: its path as far as it says, else "inode 7" with the name.
std::string subject_of(const Op& op);

// Bytes of content that the op carries.
std::uint64_t bytes_of(const Op& op);
std::uint64_t bytes_of(const Batch& batch);

// The rules that need no volume: names, sizes, counts (core/limits.h). First broken one.
Status check_batch(const Batch& batch);

}  // namespace outboard
