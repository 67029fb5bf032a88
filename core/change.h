// Change: one entry of a volume's log, with enough in it to follow without asking again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/entry.h"
#include "core/ids.h"

namespace outboard {

enum class ChangeKind : std::uint8_t {
  create,      // `after` is a new name of a new node
  link,        // `after` is a new name of a known node
  unlink,      // `before` is gone; the node too when its links are 0
  rename,      // `before` became `after`; `other` says what became of a node that stood there
  write,       // new content
  append,      // new content that begins with the whole of the old
  attributes,  // mode, owner, times
  xattrs,
};

// Who did it. The server fills it in from the caller's token; what a caller says of itself is not
// asked. [D7]
struct Origin {
  std::string principal;  // "ada", "sql:postgres"
  SessionId session;
  std::uint64_t turn = 0;
  OpId op;
  Epoch epoch;
  Generation generation;
  ClientId client;           // the mount or program; lets it know its own changes
  std::uint64_t number = 0;  // of its request

  friend bool operator==(const Origin&, const Origin&) = default;
};

// What became of the node that stood at a rename's target.
struct Displaced {
  Inode inode;
  std::uint32_t links = 0;  // 0: removed
  bool exchanged = false;   // it now stands at `before`

  friend bool operator==(const Displaced&, const Displaced&) = default;
};

struct Change {
  Seq seq;
  ChangeKind kind = ChangeKind::create;
  Node node;  // as it is after the change
  std::optional<Dentry> before;
  std::optional<Dentry> after;
  std::optional<Displaced> other;
  std::string path;  // of `after`, or `before`, or a name of the node; for people
  // Paths it touches besides, for who may see a part only; not on the wire. Of a rename first the
  // old path (none: not known), then the node's other names when it has several, at most
  // kChangeNamesMax.
  std::vector<std::string> also = {};
  bool conflict = false;  // it overrode a version its writer had not seen [S4]
  bool redacted = false;  // bytes were purged: drop every copy
  bool warned = false;    // it breaks a rule of the volume's; its writer was told [S32]
  Origin origin;
  Timestamp at;

  friend bool operator==(const Change&, const Change&) = default;
};

std::string_view name_of(ChangeKind kind);

}  // namespace outboard
