// Ids: one type for each kind of number or uuid, so that none passes for another.
//
// Plain values: they copy, compare, hash and print. 0 (or the nil uuid) means "none" throughout.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace outboard {

// A number with a meaning. `Id<Tag>{7}` prints as its value.
template <class Tag>
struct Id {
  std::uint64_t value = 0;

  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const Id&, const Id&) = default;
};

// The volume's number in its store. Names ("acme/skills") are resolved once, by Store::open_volume.
using VolumeId = Id<struct VolumeTag>;
// A node of one volume; stable for its life, never used again. A node's key is (volume, inode).
using Inode = Id<struct InodeTag>;
// A point in one volume's total order of changes. 0 is before the first; no gaps.
using Seq = Id<struct SeqTag>;
// Which content of a file: 1 is its first. Counted per inode; attributes do not raise it.
using Version = Id<struct VersionTag>;
// Fences workers: the owner of a session's loop. A higher epoch shuts out every lower one.
using Epoch = Id<struct EpochTag>;
// Which incarnation of a session's sandbox. A higher generation shuts out every lower one.
using Generation = Id<struct GenerationTag>;

inline constexpr Inode kRootInode{1};

template <class Tag>
std::string to_string(Id<Tag> id) {
  return std::to_string(id.value);
}

// 128 bits, printed as 8-4-4-4-12 in lower case.
struct Uuid {
  std::array<std::uint8_t, 16> bytes{};

  explicit operator bool() const { return *this != Uuid{}; }
  friend auto operator<=>(const Uuid&, const Uuid&) = default;
};

std::string to_string(const Uuid& uuid);
// Nothing when `text` is not 36 characters of that form.
std::optional<Uuid> parse_uuid(std::string_view text);
// Version 4, from the system's random source.
Uuid random_uuid();
// Version 5 (RFC 4122 §4.3): the same name under the same space is the same uuid, anywhere.
Uuid named_uuid(const Uuid& space, std::string_view name);

template <class Tag>
struct UuidOf {
  Uuid uuid;

  explicit operator bool() const { return bool(uuid); }
  friend auto operator<=>(const UuidOf&, const UuidOf&) = default;
};

// Who sends mutations: made once by each client process, for exactly-once retries.
using ClientId = UuidOf<struct ClientTag>;
using SessionId = UuidOf<struct SessionTag>;
// One tool call: uuid5 of (session, turn, index), never the model provider's id.
using OpId = UuidOf<struct OpTag>;

template <class Tag>
std::string to_string(const UuidOf<Tag>& id) {
  return to_string(id.uuid);
}

// Names one mutation for ever: sent twice, it happens once. Numbers start at 1 and rise.
struct RequestId {
  ClientId client;
  std::uint64_t number = 0;

  friend auto operator<=>(const RequestId&, const RequestId&) = default;
};

}  // namespace outboard

template <class Tag>
struct std::hash<outboard::Id<Tag>> {
  std::size_t operator()(outboard::Id<Tag> id) const noexcept {
    return std::hash<std::uint64_t>{}(id.value);
  }
};
