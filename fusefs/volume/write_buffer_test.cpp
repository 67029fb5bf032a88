#include "fusefs/volume/write_buffer.h"

#include <gtest/gtest.h>

#include <random>

namespace outboard::fusefs {
namespace {

// What a read of [offset, offset + size) over `below` gives.
std::string read(const WriteBuffer& buffer, const std::string& below, std::uint64_t offset,
                 std::uint64_t size) {
  std::string bytes;
  for (const Piece& piece : buffer.pieces(below.size(), offset, size)) {
    EXPECT_EQ(piece.offset, offset + bytes.size());
    switch (piece.from) {
      case Piece::From::buffer: bytes.append(piece.bytes); break;
      case Piece::From::zeros: bytes.append(piece.size, '\0'); break;
      case Piece::From::below: bytes.append(below, piece.offset, piece.size); break;
    }
  }
  return bytes;
}

// What the store makes of the op.
std::string applied(const Op& op, std::string content) {
  if (const auto* append = std::get_if<Append>(&op)) return content + append->bytes;
  const Write& write = std::get<Write>(op);
  if (write.keep) content.resize(std::min<std::size_t>(content.size(), *write.keep));
  for (const Extent& extent : write.extents) {
    if (content.size() < extent.end()) content.resize(extent.end(), '\0');
    content.replace(extent.offset, extent.bytes.size(), extent.bytes);
  }
  if (write.size) content.resize(*write.size, '\0');
  return content;
}

TEST(WriteBuffer, AppendsStayAppends) {
  WriteBuffer buffer;
  buffer.append(3, "de");
  buffer.append(3, "f");
  EXPECT_TRUE(buffer.appends_only());
  EXPECT_EQ(read(buffer, "abc", 0, 100), "abcdef");
  EXPECT_EQ(read(buffer, "abcX", 0, 100), "abcXdef");  // another's append slipped in
  EXPECT_EQ(std::get<Append>(buffer.to_op(Inode{2}, Version{1}, 3)).bytes, "def");
}

TEST(WriteBuffer, ATruncationAloneIsBare) {
  WriteBuffer buffer;
  buffer.truncate(5, 5);
  EXPECT_TRUE(buffer.empty());
  buffer.truncate(5, 0);
  EXPECT_TRUE(buffer.bare_truncation());
  buffer.write(5, 0, "hi");
  EXPECT_FALSE(buffer.bare_truncation());
  EXPECT_TRUE(buffer.covers_all());
}

TEST(WriteBuffer, ShrunkAndGrownAgainReadsZeros) {
  WriteBuffer buffer;
  buffer.truncate(6, 2);
  buffer.truncate(6, 4);
  EXPECT_EQ(read(buffer, "abcdef", 0, 100), std::string("ab\0\0", 4));
}

// Random operations against a plain string; then as an op against the store's rules; then as two
// layers, the way a parcel is taken back.
TEST(WriteBuffer, AgreesWithAPlainString) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    std::mt19937 random(seed);
    const auto below_size = random() % 40;
    const std::string below(below_size, 'b');
    WriteBuffer lower;
    WriteBuffer upper;
    std::string reference = below;
    for (int step = 0; step < 24; ++step) {
      WriteBuffer& buffer = step < 12 ? lower : upper;
      const std::uint64_t under = step < 12 ? below.size() : lower.size(below.size());
      const std::string bytes(1 + random() % 9, static_cast<char>('A' + step));
      switch (random() % 4) {
        case 0: {
          const auto size = random() % 60;
          buffer.truncate(under, size);
          reference.resize(size, '\0');
          break;
        }
        case 1:
          buffer.append(under, bytes);
          reference += bytes;
          break;
        default: {
          const auto offset = random() % 60;
          buffer.write(under, offset, bytes);
          if (reference.size() < offset + bytes.size()) {
            reference.resize(offset + bytes.size(), '\0');
          }
          reference.replace(offset, bytes.size(), bytes);
        }
      }
      if (step == 11) {
        ASSERT_EQ(applied(lower.to_op(Inode{2}, Version{1}, below.size()), below), reference)
            << seed;
      }
    }
    lower.absorb(below.size(), upper);
    ASSERT_EQ(lower.size(below.size()), reference.size()) << seed;
    ASSERT_EQ(read(lower, below, 0, 1000), reference) << seed;
    ASSERT_EQ(read(lower, below, 7, 11),
              reference.substr(std::min<std::size_t>(7, reference.size()), 11))
        << seed;
    ASSERT_EQ(applied(lower.to_op(Inode{2}, Version{1}, below.size()), below), reference) << seed;
  }
}

}  // namespace
}  // namespace outboard::fusefs
