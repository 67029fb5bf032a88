#include "cli/tar_writer.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "cli/local_files.h"

namespace outboard::cli {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kNameBytes = 100;
constexpr std::uint64_t kOctalMax = 077'777'777'777;  // eleven digits

std::string octal(std::uint64_t value, std::size_t width) {
  std::string text(width - 1, '0');
  for (std::size_t i = width - 1; i-- > 0; value >>= 3U) {
    text[i] = static_cast<char>('0' + (value & 7U));
  }
  return text + '\0';
}

void put(std::string& block, std::size_t at, std::string_view text) {
  std::copy(text.begin(), text.end(), block.begin() + static_cast<std::ptrdiff_t>(at));
}

// "LENGTH key=value\n", where LENGTH counts itself.
std::string record(std::string_view key, std::string_view value) {
  const std::size_t rest = key.size() + value.size() + 3;
  std::size_t length = rest + 1;
  while (std::to_string(length).size() + rest != length) ++length;
  return std::to_string(length) + " " + std::string(key) + "=" + std::string(value) + "\n";
}

std::string padded(std::string text) {
  text.resize((text.size() + kBlock - 1) / kBlock * kBlock, '\0');
  return text;
}

char type_of(Kind kind) {
  switch (kind) {
    case Kind::file:
    case Kind::socket: return '0';
    case Kind::directory: return '5';
    case Kind::symlink: return '2';
    case Kind::fifo: return '6';
    case Kind::char_device: return '3';
    case Kind::block_device: return '4';
  }
  return '0';
}

}  // namespace

Status TarWriter::put_header(std::string_view name, std::string_view link, char type,
                             std::uint64_t size, std::uint32_t mode, std::int64_t modified_s) {
  std::string block(kBlock, '\0');
  put(block, 0, name.substr(0, kNameBytes));
  put(block, 100, octal(mode, 8));
  put(block, 108, octal(0, 8));
  put(block, 116, octal(0, 8));
  put(block, 124, octal(std::min(size, kOctalMax), 12));
  put(block, 136, octal(static_cast<std::uint64_t>(std::max<std::int64_t>(modified_s, 0)), 12));
  put(block, 148, "        ");
  block[156] = type;
  put(block, 157, link.substr(0, kNameBytes));
  put(block, 257, std::string_view("ustar\00000", 8));
  unsigned sum = 0;
  for (const char c : block) sum += static_cast<unsigned char>(c);
  put(block, 148, octal(sum, 7));
  block[155] = ' ';
  return write_all(fd_, block, path_);
}

Status TarWriter::begin(std::string_view name, const Node& node) {
  std::string full(name);
  if (node.is(Kind::directory)) full += "/";
  const std::uint64_t size = node.is(Kind::file) ? node.attributes.size : 0;
  const std::int64_t modified = node.attributes.modified.nanoseconds / 1'000'000'000;
  std::string records;
  if (full.size() > kNameBytes) records += record("path", full);
  if (node.target.size() > kNameBytes) records += record("linkpath", node.target);
  if (size > kOctalMax) records += record("size", std::to_string(size));
  if (!records.empty()) {
    auto headed = put_header("pax-records", "", 'x', records.size(), 0644, modified);
    if (!headed) return headed;
    if (auto put_out = write_all(fd_, padded(records), path_); !put_out) return put_out;
  }
  written_ = 0;
  return put_header(full, node.target, type_of(node.kind), size, node.attributes.mode, modified);
}

Status TarWriter::write(std::string_view bytes) {
  written_ += bytes.size();
  return write_all(fd_, bytes, path_);
}

Status TarWriter::end() {
  const std::size_t over = written_ % kBlock;
  return over == 0 ? success() : write_all(fd_, std::string(kBlock - over, '\0'), path_);
}

Status TarWriter::finish() {
  return write_all(fd_, std::string(2 * kBlock, '\0'), path_);
}

}  // namespace outboard::cli
