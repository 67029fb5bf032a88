#include "bench/mount/tree.h"

#include <filesystem>
#include <fstream>
#include <random>

#include "core/check.h"

namespace outboard::bench {
namespace {

constexpr std::string_view kWords[] = {"store ", "volume ", "lease ",   "epoch ",
                                       "the ",   "a ",      "reads ",   "writes ",
                                       "what\n", "is\n",    "mounted ", "here\n"};

std::string text_of(std::mt19937_64& random, std::size_t size) {
  std::string text;
  text.reserve(size + 16);
  while (text.size() < size) text += kWords[random() % std::size(kWords)];
  text.resize(size);
  return text;
}

void write(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  CHECK(bool(file.flush()));
}

}  // namespace

TreeSize make_tree(const std::string& root, int files) {
  constexpr int kEach = 20;  // of a directory
  std::mt19937_64 random(7);
  TreeSize made;
  for (int i = 0; i < files; ++i) {
    const int directory = i / kEach;
    const std::string at =
        root + "/" + std::to_string(directory % 20) + "/" + std::to_string(directory);
    if (i % kEach == 0) std::filesystem::create_directories(at);
    // Most are small; one in twenty is some tens of kilobytes long.
    const std::size_t size = i % kEach == 0 ? 40'000 + random() % 60'000 : random() % 8'000;
    write(at + "/file" + std::to_string(i) + ".md", text_of(random, size));
    ++made.files;
    made.bytes += size;
  }
  return made;
}

void make_flat_tree(const std::string& root, int files, int each) {
  std::mt19937_64 random(11);
  for (int i = 0; i < files; ++i) {
    const std::string at = root + "/" + std::to_string(i / each);
    if (i % each == 0) std::filesystem::create_directories(at);
    write(at + "/file" + std::to_string(i), text_of(random, 200));
  }
}

}  // namespace outboard::bench
