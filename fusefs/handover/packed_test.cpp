#include "fusefs/handover/packed.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <vector>

namespace outboard::fusefs {
namespace {

using Numbers = std::map<std::string, std::pair<std::int64_t, std::optional<Seq>>>;

struct Sample {
  Numbers numbers;
  std::vector<std::string> words;
  std::set<Inode> inodes;
  Uuid uuid;
  bool flag = false;
  std::chrono::steady_clock::time_point at;
  friend bool operator==(const Sample&, const Sample&) = default;
};
template <class Pack>
void describe(Pack& pack, Sample& s) {
  pack(s.numbers, s.words, s.inodes, s.uuid, s.flag, s.at);
}

Sample sample() {
  return {{{"a", {-1, Seq{~0ULL}}}, {"b", {1LL << 40, std::nullopt}}},
          {"", std::string(300, 'x'), std::string("\0\xff", 2)},
          {Inode{1}, Inode{127}, Inode{128}},
          random_uuid(),
          true,
          std::chrono::steady_clock::now()};
}

std::string packed(const Sample& value) {
  Packer pack;
  pack(value);
  return std::move(pack).take();
}

TEST(Packed, S59_WhatIsPackedIsReadAsItWas) {
  const Sample before = sample();
  const std::string bytes = packed(before);
  Sample after;
  Unpacker unpack(bytes);
  unpack(after);
  EXPECT_TRUE(unpack.good());
  EXPECT_EQ(after, before);
}

TEST(Packed, S59_WhatIsCutOrTooLongIsNotGood) {
  const std::string bytes = packed(sample());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    Sample after;
    Unpacker unpack(std::string_view(bytes).substr(0, size));
    unpack(after);
    EXPECT_FALSE(unpack.good()) << size;
  }
  Sample after;
  const std::string longer = bytes + "x";
  Unpacker unpack(longer);
  unpack(after);
  EXPECT_FALSE(unpack.good());
}

}  // namespace
}  // namespace outboard::fusefs
