#include "fusefs/volume/block_cache.h"

#include <algorithm>

#include "core/check.h"
#include "fusefs/volume/request_scope.h"

namespace outboard::fusefs {
namespace {

// One request fetches this much: files up to it arrive whole.
constexpr std::uint64_t kReadAheadBytes = 1U << 20U;
// Of bodies asked for together: few enough that one slow answer does not hold up the rest.
constexpr std::uint64_t kWarmBatchBytes = 8U << 20U;
static_assert(kReadAheadBytes % kChunkBytes == 0 && kReadAheadBytes <= kReadBytesMax);

}  // namespace

std::size_t BlockCache::KeyHash::operator()(const Key& key) const noexcept {
  std::size_t hash = std::hash<std::uint64_t>{}(key.inode.value);
  hash = hash * 1'000'003 + key.version.value;
  return hash * 1'000'003 + key.block;
}

Result<std::string> BlockCache::read(const VersionRef& version, std::uint64_t offset,
                                     std::uint64_t size, Moment deadline) {
  std::string bytes;
  const std::uint64_t end = std::min(version.size, offset + size);
  while (offset < end) {
    const std::uint64_t block = offset / kChunkBytes;
    const std::uint64_t start = block * kChunkBytes;
    if (const Block found = find({version.inode, version.version, block})) {
      if (found->size() <= offset - start) {
        return Error{Code::corrupt, "a cached block ends before the file does", "block"};
      }
      const auto part = std::min<std::uint64_t>(end, start + found->size()) - offset;
      bytes.append(*found, offset - start, part);
      offset += part;
      hits_.add();
      continue;
    }
    misses_.add();
    auto fetched = fetch(version, offset, deadline);
    if (!fetched) return std::move(fetched).error();
    const auto& [from, window] = *fetched;
    const auto part = std::min<std::uint64_t>(end, from + window.size()) - offset;
    bytes.append(window, offset - from, part);
    offset += part;
  }
  return bytes;
}

Result<std::pair<std::uint64_t, std::string>> BlockCache::fetch(const VersionRef& version,
                                                                std::uint64_t offset,
                                                                Moment deadline) {
  const bool whole = version.size <= kReadAheadBytes;
  const std::uint64_t from = whole ? 0 : offset / kChunkBytes * kChunkBytes;
  const std::uint64_t size = std::min(kReadAheadBytes, version.size - from);
  const std::uint64_t before = drops();
  auto read = store_.read(RequestScope::call(deadline), volume_, version.inode, version.version,
                          from, static_cast<std::size_t>(size));
  if (!read) return std::move(read).error();
  std::string bytes = std::move(read->value.bytes);
  if (bytes.size() != size) {
    return Error{Code::corrupt,
                 "the store sent " + std::to_string(bytes.size()) + " bytes where " +
                     std::to_string(size) + " belong",
                 to_string(version.inode)};
  }
  if (whole && version.digest && sha256(bytes) != *version.digest) {
    return Error{Code::corrupt, "the bytes that arrived do not match their digest",
                 to_string(version.inode)};
  }
  for (std::uint64_t at = 0; at < size; at += kChunkBytes) {
    const Key key{version.inode, version.version, (from + at) / kChunkBytes};
    put(key, std::string_view(bytes).substr(at, kChunkBytes), before);
  }
  return std::pair{from, std::move(bytes)};
}

std::shared_ptr<const std::string> BlockCache::whole(const VersionRef& version) {
  auto bytes = std::make_shared<std::string>();
  bytes->reserve(version.size);
  for (std::uint64_t at = 0; at < version.size; at += kChunkBytes) {
    const Block block = find({version.inode, version.version, at / kChunkBytes});
    if (!block) return nullptr;
    bytes->append(*block);
  }
  return bytes->size() == version.size ? bytes : nullptr;
}

bool BlockCache::has_whole(const VersionRef& version) {
  for (std::uint64_t at = 0; at < version.size; at += kChunkBytes) {
    if (!find({version.inode, version.version, at / kChunkBytes})) return false;
  }
  return true;
}

Status BlockCache::warm(const std::vector<VersionRef>& versions, Moment deadline) {
  std::vector<const VersionRef*> missing;
  for (const VersionRef& version : versions) {
    if (!has_whole(version)) missing.push_back(&version);
  }
  for (std::size_t done = 0; done < missing.size();) {
    std::vector<ContentKey> keys;
    std::uint64_t bytes = 0;
    for (std::size_t i = done; i < missing.size() && keys.size() < kReadManyMax; ++i) {
      bytes += missing[i]->size;
      if (!keys.empty() && bytes > kWarmBatchBytes) break;
      keys.push_back({missing[i]->inode, missing[i]->version});
    }
    const std::uint64_t before = drops();
    auto read = store_.read_many(Call::until(deadline), volume_, keys);
    if (!read) return std::move(read).error();
    for (std::size_t i = 0; i < keys.size() && i < read->value.size(); ++i) {
      const VersionRef& version = *missing[done + i];
      const auto& content = read->value[i];
      if (!content || content->bytes.size() != version.size) continue;
      if (version.digest && sha256(content->bytes) != *version.digest) continue;
      put_blocks(version.inode, version.version, content->bytes, before);
    }
    done += keys.size();
  }
  return success();
}

void BlockCache::put_blocks(Inode inode, Version version, std::string_view bytes,
                            std::uint64_t drops) {
  for (std::uint64_t at = 0; at < bytes.size(); at += kChunkBytes) {
    put({inode, version, at / kChunkBytes}, bytes.substr(at, kChunkBytes), drops);
  }
}

void BlockCache::put_whole(Inode inode, Version version, std::string_view bytes) {
  put_blocks(inode, version, bytes, drops());
}

void BlockCache::drop(Inode inode) {
  drop_where([inode](const Key& key) { return key.inode == inode; });
}

void BlockCache::drop_all() {
  drop_where([](const Key&) { return true; });
}

void BlockCache::drop_where(const std::function<bool(const Key&)>& gone) {
  state_.with([&](State& state) {
    ++state.drops;
    for (auto slot = state.used.begin(); slot != state.used.end();) {
      if (!gone(slot->key)) {
        ++slot;
        continue;
      }
      state.bytes -= slot->block->size();
      state.slots.erase(slot->key);
      slot = state.used.erase(slot);
    }
  });
}

std::uint64_t BlockCache::drops() const {
  return state_.with([](const State& state) { return state.drops; });
}

std::uint64_t BlockCache::bytes() const {
  return state_.with([](const State& state) { return state.bytes; });
}

void BlockCache::measure(Figures& to, const Labels& view) const {
  const auto [held, blocks] = state_.with([](const State& state) {
    return std::pair{state.bytes, state.slots.size()};
  });
  to.level("outboard_mount_cache_bytes", "Content that is held to be read again.",
           static_cast<double>(held), view);
  to.level("outboard_mount_cache_blocks", "Blocks of content that are held.",
           static_cast<double>(blocks), view);
  to.count("outboard_mount_cache_hits_total", "Blocks that a read found there.", hits_.value(),
           view);
  to.count("outboard_mount_cache_misses_total", "Times that a read had to ask the server.",
           misses_.value(), view);
}

BlockCache::Block BlockCache::find(const Key& key) {
  return state_.with([&](State& state) -> Block {
    const auto found = state.slots.find(key);
    if (found == state.slots.end()) return nullptr;
    state.used.splice(state.used.begin(), state.used, found->second);
    return found->second->block;
  });
}

void BlockCache::put(const Key& key, std::string_view bytes, std::uint64_t drops) {
  auto block = std::make_shared<const std::string>(bytes);
  state_.with([&](State& state) {
    if (state.drops != drops || state.slots.contains(key)) return;
    state.used.push_front({key, std::move(block)});
    state.slots[key] = state.used.begin();
    state.bytes += bytes.size();
    while (state.bytes > bytes_max_) {
      const Slot& oldest = state.used.back();
      state.bytes -= oldest.block->size();
      state.slots.erase(oldest.key);
      state.used.pop_back();
    }
  });
}

}  // namespace outboard::fusefs
