// WriteBuffer: bytes written to a file and not yet published, laid over the content below.
//
// It is in one of two forms. Appends only: bytes for the end, wherever that is by then. Overlay:
// how much of the content below is kept, extents over it, and a size; a byte of an overlay has a
// fixed place, so an append into one becomes an extent. Guarded by the volume's lock.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/op.h"

namespace outboard::fusefs {

// A part of a read: bytes from the buffer, zeros, or what lies below.
struct Piece {
  enum class From : std::uint8_t { buffer, zeros, below };
  From from = From::below;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string_view bytes;  // of From::buffer; valid until the buffer changes
};

class WriteBuffer {
 public:
  // `below` is the size of the content below, each time.
  void write(std::uint64_t below, std::uint64_t offset, std::string_view bytes);
  void append(std::uint64_t below, std::string_view bytes);
  void truncate(std::uint64_t below, std::uint64_t size);
  // Everything that was done to `upper`, done to this one.
  void absorb(std::uint64_t below, const WriteBuffer& upper);

  bool empty() const { return !size_ && appended_.empty(); }
  bool appends_only() const { return !size_ && !appended_.empty(); }
  // Only the size was changed: not published at FLUSH (`echo hi > f` flushes before it writes).
  bool bare_truncation() const { return size_ && extents_.empty(); }
  // The whole content is in the buffer, nothing shines through from below.
  bool covers_all() const;
  std::uint64_t size(std::uint64_t below) const;
  std::uint64_t bytes_held() const { return held_; }

  // [offset, offset + size), clipped to the size, in order.
  std::vector<Piece> pieces(std::uint64_t below, std::uint64_t offset, std::uint64_t size) const;
  // What it makes of the content below.
  Edit to_edit(std::uint64_t below) const;
  // As one op on the node: Append, or Write on `base`.
  Op to_op(Inode inode, Version base, std::uint64_t below) const;

  // Its parts, for another daemon (packed.h).
  template <class Pack>
  friend void describe(Pack& pack, WriteBuffer& b) {
    pack(b.appended_, b.size_, b.keep_, b.extents_, b.held_);
  }

 private:
  void become_overlay(std::uint64_t below);
  void lay(std::uint64_t offset, std::string_view bytes);
  void cut(std::uint64_t size);
  void count();

  std::string appended_;
  std::optional<std::uint64_t> size_;  // set: overlay
  std::uint64_t keep_ = std::numeric_limits<std::uint64_t>::max();
  std::map<std::uint64_t, std::string> extents_;  // neither overlapping nor touching
  std::uint64_t held_ = 0;
};

}  // namespace outboard::fusefs
