#include "server/postgres/node_rows.h"

#include <algorithm>
#include <cstring>

#include "server/postgres/name_text.h"

namespace outboard::server {
namespace {

template <class T>
T read_enum(const Rows& rows, std::size_t row, int column) {
  return static_cast<T>(rows.number(row, column));
}

Attributes read_attributes(const Rows& rows, std::size_t row, int first) {
  Attributes attributes;
  attributes.mode = static_cast<std::uint32_t>(rows.number(row, first));
  attributes.uid = static_cast<std::uint32_t>(rows.number(row, first + 1));
  attributes.gid = static_cast<std::uint32_t>(rows.number(row, first + 2));
  attributes.size = rows.count(row, first + 3);
  attributes.links = static_cast<std::uint32_t>(rows.number(row, first + 4));
  attributes.device = rows.count(row, first + 5);
  attributes.accessed = Timestamp{rows.number(row, first + 6)};
  attributes.modified = Timestamp{rows.number(row, first + 7)};
  attributes.changed = Timestamp{rows.number(row, first + 8)};
  return attributes;
}

// inode, kind, the attributes, version, digest, target, xattr_bytes.
Node read_bare_node(const Rows& rows, std::size_t row, int first) {
  Node node;
  node.inode = Inode{rows.count(row, first)};
  node.kind = read_enum<Kind>(rows, row, first + 1);
  node.attributes = read_attributes(rows, row, first + 2);
  node.version = Version{rows.count(row, first + 11)};
  node.digest = rows.digest(row, first + 12);
  node.target = rows.text(row, first + 13);
  node.xattr_bytes = static_cast<std::uint32_t>(rows.number(row, first + 14));
  return node;
}

std::optional<Dentry> read_dentry(const Rows& rows, std::size_t row, int first) {
  if (rows.null(row, first)) return std::nullopt;
  return Dentry{Inode{rows.count(row, first)}, rows.name(row, first + 1)};
}

}  // namespace

StoredNode read_node(const Rows& rows, std::size_t row, int first) {
  return StoredNode{read_bare_node(rows, row, first), rows.flag(row, first + 15)};
}

Origin read_origin(const Rows& rows, std::size_t row, int first) {
  Origin origin;
  origin.principal = rows.text(row, first);
  origin.session = SessionId{rows.uuid(row, first + 1)};
  origin.turn = rows.count(row, first + 2);
  origin.op = OpId{rows.uuid(row, first + 3)};
  origin.epoch = Epoch{rows.count(row, first + 4)};
  origin.generation = Generation{rows.count(row, first + 5)};
  origin.client = ClientId{rows.uuid(row, first + 6)};
  origin.number = rows.count(row, first + 7);
  return origin;
}

Change read_change(const Rows& rows, std::size_t row, int first) {
  Change change;
  change.seq = Seq{rows.count(row, first)};
  change.kind = read_enum<ChangeKind>(rows, row, first + 1);
  change.node = read_bare_node(rows, row, first + 2);
  change.before = read_dentry(rows, row, first + 17);
  change.after = read_dentry(rows, row, first + 19);
  if (!rows.null(row, first + 21)) {
    change.other = Displaced{Inode{rows.count(row, first + 21)},
                             static_cast<std::uint32_t>(rows.number(row, first + 22)),
                             rows.flag(row, first + 23)};
  }
  change.path = rows.name(row, first + 24);
  change.conflict = rows.flag(row, first + 25);
  change.redacted = rows.flag(row, first + 26);
  if (change.redacted) change.node.digest.reset();
  change.origin = read_origin(rows, row, first + 27);
  change.at = Timestamp{rows.number(row, first + 35)};
  change.warned = rows.flag(row, first + 36);
  if (!rows.null(row, first + 37)) change.also = read_also(rows.name(row, first + 37));
  return change;
}

namespace {

void put_text(std::string& to, std::string_view text) {
  append_big_endian(to, static_cast<std::uint32_t>(text.size()));
  to.append(text);
}

// Reads what put_text and append_big_endian wrote; `good` turns false at the first lack of bytes.
struct Reader {
  std::string_view rest;
  bool good = true;

  std::uint64_t number(std::size_t size) {
    std::uint64_t value = 0;
    for (const char c : take(size)) value = (value << 8u) | static_cast<unsigned char>(c);
    return value;
  }
  std::uint32_t word() { return static_cast<std::uint32_t>(number(4)); }
  std::string text() { return std::string(take(word())); }
  std::string_view take(std::size_t size) {
    if (size > rest.size()) {
      good = false;
      rest = {};
      return {};
    }
    const std::string_view taken = rest.substr(0, size);
    rest.remove_prefix(size);
    return taken;
  }
};

void put_node(std::string& to, const Node& node) {
  const Attributes& a = node.attributes;
  append_big_endian(to, node.inode.value);
  to.push_back(static_cast<char>(node.kind));
  for (const std::uint32_t word : {a.mode, a.uid, a.gid, a.links, node.xattr_bytes}) {
    append_big_endian(to, word);
  }
  for (const std::uint64_t value : {a.size, a.device, node.version.value}) {
    append_big_endian(to, value);
  }
  for (const Timestamp at : {a.accessed, a.modified, a.changed}) {
    append_big_endian(to, static_cast<std::uint64_t>(at.nanoseconds));
  }
  put_text(to, node.target);
  to.push_back(node.digest ? '\1' : '\0');
  if (node.digest) to.append(node.digest->bytes.begin(), node.digest->bytes.end());
}

Node take_node(Reader& from) {
  Node node;
  Attributes& a = node.attributes;
  node.inode = Inode{from.number(8)};
  node.kind = static_cast<Kind>(from.number(1));
  a.mode = from.word();
  a.uid = from.word();
  a.gid = from.word();
  a.links = from.word();
  node.xattr_bytes = from.word();
  a.size = from.number(8);
  a.device = from.number(8);
  node.version = Version{from.number(8)};
  a.accessed = Timestamp{static_cast<std::int64_t>(from.number(8))};
  a.modified = Timestamp{static_cast<std::int64_t>(from.number(8))};
  a.changed = Timestamp{static_cast<std::int64_t>(from.number(8))};
  node.target = from.text();
  if (from.number(1) != 0) {
    Sha256 digest;
    const std::string_view raw = from.take(digest.bytes.size());
    std::copy(raw.begin(), raw.end(), digest.bytes.begin());
    node.digest = digest;
  }
  return node;
}

// Whether the next eight bytes are ASCII without NUL, as nearly all are.
bool plain(std::string_view bytes) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  constexpr std::uint64_t kHighs = kOnes * 0x80;
  std::uint64_t word = 0;
  if (bytes.size() < sizeof(word)) return false;
  std::memcpy(&word, bytes.data(), sizeof(word));
  // A byte under 1 borrows, and then shows its highest bit.
  return ((word | (word - kOnes)) & kHighs) == 0;
}

}  // namespace

std::string write_also(const std::vector<std::string>& paths) {
  std::string text;
  for (const std::string& path : paths) {
    if (!text.empty()) text.push_back('/');
    text.append(path);
  }
  return text;
}

std::vector<std::string> read_also(std::string_view text) {
  std::vector<std::string> paths;
  while (!text.empty()) {
    const std::size_t end = text.find("//");
    paths.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return paths;
}

std::string write_xattrs(const Xattrs& xattrs) {
  std::string bytes;
  for (const auto& [name, value] : xattrs) {
    put_text(bytes, name);
    put_text(bytes, value);
  }
  return bytes;
}

Xattrs read_xattrs(std::string_view bytes) {
  Xattrs xattrs;
  Reader from{bytes};
  while (!from.rest.empty()) {
    std::string name = from.text();
    std::string value = from.text();
    if (from.good) xattrs.emplace(std::move(name), std::move(value));
  }
  return xattrs;
}

std::string write_outcomes(const std::vector<Outcome>& outcomes) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint32_t>(outcomes.size()));
  for (const auto& outcome : outcomes) {
    put_node(bytes, outcome.node);
    append_big_endian(bytes, outcome.dentry.parent.value);
    put_text(bytes, outcome.dentry.name);
    append_big_endian(bytes, outcome.seq.value);
    bytes.push_back(static_cast<char>((outcome.created ? 1 : 0) | (outcome.conflict ? 2 : 0) |
                                      (outcome.merged ? 4 : 0) | (outcome.conflict_copy ? 8 : 0)));
    append_big_endian(bytes, static_cast<std::uint32_t>(outcome.warnings.size()));
    for (const std::string& warning : outcome.warnings) put_text(bytes, warning);
    if (!outcome.conflict_copy) continue;
    append_big_endian(bytes, outcome.conflict_copy->parent.value);
    put_text(bytes, outcome.conflict_copy->name);
  }
  return bytes;
}

Result<std::vector<Outcome>> read_outcomes(std::string_view bytes) {
  Reader from{bytes};
  std::vector<Outcome> outcomes;
  for (std::uint32_t left = from.word(); left > 0 && from.good; --left) {
    Outcome outcome;
    outcome.node = take_node(from);
    outcome.dentry.parent = Inode{from.number(8)};
    outcome.dentry.name = from.text();
    outcome.seq = Seq{from.number(8)};
    const std::uint64_t flags = from.number(1);
    outcome.created = (flags & 1u) != 0;
    outcome.conflict = (flags & 2u) != 0;
    for (std::uint32_t more = from.word(); more > 0 && from.good; --more) {
      outcome.warnings.push_back(from.text());
    }
    outcome.merged = (flags & 4u) != 0;
    if ((flags & 8u) != 0) {
      const Inode parent{from.number(8)};
      outcome.conflict_copy = Dentry{parent, from.text()};
    }
    outcomes.push_back(std::move(outcome));
  }
  if (from.good && from.rest.empty()) return outcomes;
  return Error{Code::corrupt, "the kept answer of a repeated request cannot be read"};
}

bool is_text(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t size = plain(bytes) ? sizeof(std::uint64_t) : character_size(bytes);
    if (size == 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

}  // namespace outboard::server
