// Packed: values as bytes and back, for one daemon to hand to the next.
//
// A type that is made of others has describe(pack, value), which names its parts once, in the
// order in which they travel: `pack(value.inode, value.kind)`. The Packer writes them, the Unpacker
// reads the same ones. What is packed is said by a format number that travels ahead of it
// (parley.h): a part that is added, removed or moved makes a new format.
//
// Containers, optionals, pairs, numbers, strings and arrays of bytes need no describe().
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/ids.h"

namespace outboard::fusefs {

template <class T>
inline constexpr bool kIsNumber = std::is_integral_v<T> || std::is_enum_v<T>;
template <class T>
inline constexpr bool kIsOptional = false;
template <class T>
inline constexpr bool kIsOptional<std::optional<T>> = true;
template <class T>
inline constexpr bool kIsPair = false;
template <class A, class B>
inline constexpr bool kIsPair<std::pair<A, B>> = true;

class Packer {
 public:
  static constexpr bool kReads = false;

  template <class... T>
  void operator()(const T&... values) {
    (put(values), ...);
  }
  std::string take() && { return std::move(bytes_); }

 private:
  template <class T>
  void put(const T& value) {
    if constexpr (kIsNumber<T>) {
      number(static_cast<std::uint64_t>(value));
    } else if constexpr (std::is_same_v<T, std::string>) {
      number(value.size());
      bytes_.append(value);
    } else if constexpr (kIsOptional<T>) {
      put(value.has_value());
      if (value) put(*value);
    } else if constexpr (kIsPair<T>) {
      put(value.first);
      put(value.second);
    } else if constexpr (std::ranges::range<T>) {
      number(std::ranges::size(value));
      for (const auto& item : value) put(item);
    } else {
      describe(*this, const_cast<T&>(value));  // the Packer changes nothing
    }
  }
  // Seven bits a byte, the lowest first.
  void number(std::uint64_t value) {
    for (; value >= kMore; value >>= 7U) bytes_.push_back(static_cast<char>(value | kMore));
    bytes_.push_back(static_cast<char>(value));
  }

  static constexpr std::uint64_t kMore = 0x80;
  std::string bytes_;
};

class Unpacker {
 public:
  static constexpr bool kReads = true;

  // `bytes` must outlive it.
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}

  // What does not fit is left as it was, and good() is false from then on.
  template <class... T>
  void operator()(T&... values) {
    (get(values), ...);
  }
  // All was read, and it was what was expected.
  bool good() const { return !failed_ && left_.empty(); }

 private:
  template <class T>
  void get(T& value) {
    if (failed_) return;
    if constexpr (kIsNumber<T>) {
      value = static_cast<T>(number());
    } else if constexpr (std::is_same_v<T, std::string>) {
      value = piece(number());
    } else if constexpr (kIsOptional<T>) {
      if (number() != 0) get(value.emplace());
    } else if constexpr (kIsPair<T>) {
      get(value.first);
      get(value.second);
    } else if constexpr (requires { value.clear(); }) {
      get_items(value);
    } else if constexpr (std::ranges::range<T>) {
      failed_ = number() != std::ranges::size(value) || failed_;
      for (auto& item : value) get(item);
    } else {
      describe(*this, value);
    }
  }
  template <class T>
  void get_items(T& items) {
    items.clear();
    for (std::uint64_t left = number(); left > 0 && !failed_; --left) {
      if constexpr (requires { typename T::mapped_type; }) {
        std::pair<typename T::key_type, typename T::mapped_type> item;
        get(item);
        items.insert(items.end(), std::move(item));
      } else {
        typename T::value_type item{};
        get(item);
        items.insert(items.end(), std::move(item));
      }
    }
  }
  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::string_view byte = piece(1);
      if (failed_) return 0;
      const auto bits = static_cast<std::uint8_t>(byte.front());
      value |= std::uint64_t{bits & 0x7fU} << shift;
      if ((bits & 0x80U) == 0) return value;
    }
    failed_ = true;
    return 0;
  }
  std::string_view piece(std::uint64_t size) {
    failed_ = failed_ || size > left_.size();
    if (failed_) return {};
    const std::string_view taken = left_.substr(0, size);
    left_.remove_prefix(size);
    return taken;
  }

  std::string_view left_;
  bool failed_ = false;
};

template <class Pack, class Tag>
void describe(Pack& pack, Id<Tag>& id) {
  pack(id.value);
}
template <class Pack>
void describe(Pack& pack, Uuid& uuid) {
  pack(uuid.bytes);
}
template <class Pack, class Tag>
void describe(Pack& pack, UuidOf<Tag>& id) {
  pack(id.uuid);
}

// A moment of the monotonic clock, which all processes of a machine share.
template <class Pack, class Duration>
void describe(Pack& pack, std::chrono::time_point<std::chrono::steady_clock, Duration>& at) {
  auto count = at.time_since_epoch().count();
  pack(count);
  if constexpr (Pack::kReads) {
    at = std::chrono::time_point<std::chrono::steady_clock, Duration>(Duration(count));
  }
}
template <class Pack, class Rep, class Period>
void describe(Pack& pack, std::chrono::duration<Rep, Period>& time) {
  auto count = time.count();
  pack(count);
  if constexpr (Pack::kReads) time = std::chrono::duration<Rep, Period>(count);
}

}  // namespace outboard::fusefs
