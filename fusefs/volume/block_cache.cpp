#include "fusefs/volume/block_cache.h"

#include <algorithm>

#include "core/log.h"
#include "fusefs/volume/request_scope.h"

namespace outboard::fusefs {
namespace {

// One request fetches this much: files up to it arrive whole.
constexpr std::uint64_t kReadAheadBytes = 1U << 20U;
// Of bodies asked for together: few enough that one slow answer does not hold up the rest.
constexpr std::uint64_t kWarmBatchBytes = 8U << 20U;
static_assert(kReadAheadBytes % kChunkBytes == 0 && kReadAheadBytes <= kReadBytesMax);

template <class Kept>
std::size_t list_of(Kept kept) {
  return static_cast<std::size_t>(kept);
}

// An entry of the disk cache that is no file's.
constexpr std::string_view kBodiesMark = "bodies";
DiskKey bodies_of(VolumeId volume) {
  return {volume, Inode{}, std::string(kBodiesMark), 0};
}

}  // namespace

VersionRef version_of(const Node& node) {
  return {node.inode, node.version, node.attributes.size, node.digest, node.attributes.changed};
}

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
    auto brought = bring(version, offset, deadline);
    if (!brought) return std::move(brought).error();
    if (!*brought) continue;  // it is here by now
    const auto& [from, window] = **brought;
    const auto part = std::min<std::uint64_t>(end, from + window.size()) - offset;
    bytes.append(window, offset - from, part);
    offset += part;
  }
  return bytes;
}

Result<std::optional<BlockCache::Window>> BlockCache::bring(const VersionRef& version,
                                                            std::uint64_t offset, Moment deadline) {
  const WindowKey window{version.inode, version.version, offset / kReadAheadBytes};
  const auto ours = arrivals_.begin(window, deadline);
  if (!ours) return ours.error();
  if (!*ours) return std::optional<Window>();
  // It may have arrived between our look and our turn.
  const Key block{version.inode, version.version, offset / kChunkBytes};
  Result<std::optional<Window>> brought = std::optional<Window>();
  if (!find(block)) brought = fetch(version, offset, deadline);
  arrivals_.end(window);
  return brought;
}

Result<std::optional<BlockCache::Window>> BlockCache::fetch(const VersionRef& version,
                                                            std::uint64_t offset, Moment deadline) {
  const std::uint64_t window = offset / kReadAheadBytes;
  const std::uint64_t from = window * kReadAheadBytes;
  const std::uint64_t size = std::min(kReadAheadBytes, version.size - from);
  const Before asked = before();
  if (auto kept = find_on_disk(version, window, size)) {
    put_blocks(version, from, *kept, asked.drops);
    return std::optional(Window{from, *std::move(kept)});
  }
  if (window == 0 && on_cold_) on_cold_(version);
  auto bytes = ask(version, from, size, deadline);
  if (!bytes) return std::move(bytes).error();
  put_blocks(version, from, *bytes, asked.drops);
  keep_on_disk(version, window, *bytes, asked);
  return std::optional(Window{from, *std::move(bytes)});
}

Result<std::string> BlockCache::ask(const VersionRef& version, std::uint64_t from,
                                    std::uint64_t size, Moment deadline) {
  misses_.add();
  auto read = store_.read(RequestScope::call(deadline), volume_, version.inode, version.version,
                          from, static_cast<std::size_t>(size));
  if (!read) return std::move(read).error();
  std::string bytes = std::move(read->value.bytes);
  if (bytes.size() != size) {
    note_wrong(version.inode, version.version);
    return Error{Code::corrupt,
                 "the store sent " + std::to_string(bytes.size()) + " bytes where " +
                     std::to_string(size) + " belong",
                 to_string(version.inode)};
  }
  const bool whole = size == version.size;
  if (whole && version.digest && sha256(bytes) != *version.digest) {
    note_wrong(version.inode, version.version);
    return Error{Code::corrupt, "the bytes that arrived do not match their digest",
                 to_string(version.inode)};
  }
  return bytes;
}

// ── On the disk ──────────────────────────────────────────────────────────────────────────────────

BlockCache::Before BlockCache::before() const {
  return {drops(), disk_ == nullptr ? 0 : disk_->drops()};
}

// A version's number alone would not do: a server that was restored from a backup gives the same
// ones to other bytes, and a database that was made anew to other files.
DiskKey BlockCache::disk_key(const VersionRef& version, std::uint64_t window) const {
  const std::string content = version.digest ? to_string(*version.digest)
                                             : to_string(version.version) + " " +
                                                   std::to_string(version.size) + " " +
                                                   std::to_string(version.changed.nanoseconds);
  return {volume_, version.inode, content, window};
}

std::optional<std::string> BlockCache::find_on_disk(const VersionRef& version, std::uint64_t window,
                                                    std::uint64_t size) {
  if (disk_ == nullptr) return std::nullopt;
  const Key key{version.inode, version.version};
  const bool believed =
      version.digest || proven_.with([&](const Proven& proven) { return proven.contains(key); });
  if (!believed) return std::nullopt;
  const bool whole = size == version.size;
  return disk_->find(disk_key(version, window), size, whole ? version.digest : std::nullopt);
}

void BlockCache::keep_on_disk(const VersionRef& version, std::uint64_t window,
                              const std::string& bytes, const Before& before,
                              const std::optional<Sha256>& should) {
  if (disk_ == nullptr) return;
  if (!version.digest) {
    if (version.size <= kReadAheadBytes) return;  // the proof would bring all of it
    proven_.with([&](Proven& proven) {
      if (drops() != before.drops) return;
      if (proven.size() == kProvenVersionsMax) proven.clear();
      proven.insert({version.inode, version.version});
    });
  }
  disk_->put(disk_key(version, window), bytes, before.disk_drops, should);
}

bool BlockCache::has_bodies() {
  return disk_ != nullptr && disk_->find(bodies_of(volume_), kBodiesMark.size(), {}).has_value();
}

void BlockCache::note_bodies() {
  if (disk_ == nullptr) return;
  disk_->put(bodies_of(volume_), std::string(kBodiesMark), disk_->drops());
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
  return bring_whole(claim(versions), deadline);
}

std::shared_ptr<BlockCache::Claims> BlockCache::claim(const std::vector<VersionRef>& versions) {
  auto claims = std::make_shared<Claims>(arrivals_);
  for (const VersionRef& version : versions) {
    if (!has_whole(version)) claims->add(version);
  }
  return claims;
}

Status BlockCache::bring_whole(const std::shared_ptr<Claims>& claims, Moment deadline) {
  std::vector<const VersionRef*> missing;
  for (const VersionRef& version : claims->versions()) {
    const std::uint64_t before = drops();
    const auto kept = find_on_disk(version, 0, version.size);
    if (kept) put_blocks(version, 0, *kept, before);
    if (!kept) missing.push_back(&version);
  }
  for (std::size_t done = 0; done < missing.size();) {
    std::vector<ContentKey> keys;
    std::uint64_t bytes = 0;
    for (std::size_t i = done; i < missing.size() && keys.size() < kReadManyMax; ++i) {
      bytes += missing[i]->size;
      if (!keys.empty() && bytes > kWarmBatchBytes) break;
      keys.push_back({missing[i]->inode, missing[i]->version});
    }
    const Before asked = before();
    auto read = store_.read_many(Call::until(deadline), volume_, keys);
    if (!read) return std::move(read).error();
    for (std::size_t i = 0; i < keys.size() && i < read->value.size(); ++i) {
      const VersionRef& version = *missing[done + i];
      const auto& content = read->value[i];
      if (!content) continue;
      const bool sized = content->bytes.size() == version.size;
      if (!sized || (version.digest && sha256(content->bytes) != *version.digest)) {
        note_wrong(version.inode, version.version);
        continue;
      }
      put_blocks(version, 0, content->bytes, asked.drops);
      keep_on_disk(version, 0, content->bytes, asked);
    }
    done += keys.size();
  }
  return success();
}

BlockCache::Claims::~Claims() {
  for (const VersionRef& version : versions_) arrivals_.end({version.inode, version.version});
}

void BlockCache::Claims::add(const VersionRef& version) {
  if (arrivals_.try_begin({version.inode, version.version})) versions_.push_back(version);
}

void BlockCache::put_blocks(const VersionRef& version, std::uint64_t from, std::string_view bytes,
                            std::uint64_t drops) {
  const Kept kept = version.size <= kLargeFileBytes ? Kept::small : Kept::large;
  for (std::uint64_t at = 0; at < bytes.size(); at += kChunkBytes) {
    const Key key{version.inode, version.version, (from + at) / kChunkBytes};
    put({key, std::make_shared<const std::string>(bytes.substr(at, kChunkBytes)), kept}, drops);
  }
}

void BlockCache::put_whole(const VersionRef& version, std::string_view bytes) {
  const Before now = before();
  put_blocks(version, 0, bytes, now.drops);
  keep_on_disk(version, 0, std::string(bytes), now);
}

void BlockCache::put_body(const VersionRef& version, std::string_view bytes) {
  if (bytes.size() != version.size) return note_wrong(version.inode, version.version);
  if (bytes.empty()) return;
  if (bytes.size() > kChunkBytes && version.digest && sha256(bytes) != *version.digest) {
    return note_wrong(version.inode, version.version);
  }
  if (bytes.size() > kChunkBytes) return put_whole(version, bytes);
  const Before now = before();
  auto block = std::make_shared<const std::string>(bytes);
  put({{version.inode, version.version}, std::move(block), Kept::small, version.digest}, now.drops);
  keep_on_disk(version, 0, std::string(bytes), now, version.digest);
}

void BlockCache::note_wrong(Inode inode, Version version) {
  wrong_.add();
  if (complained_.exchange(true)) return;
  log(Severity::warning,
      "a content did not arrive as the server had said; it was not kept, and is asked for again "
      "when it is read (more of them are only counted)",
      {{"volume", to_string(volume_)},
       {"inode", to_string(inode)},
       {"version", to_string(version)}});
}

void BlockCache::drop(Inode inode) {
  drop_where([inode](const Key& key) { return key.inode == inode; });
  if (disk_ != nullptr) disk_->drop(volume_, inode);
}

void BlockCache::drop_all() {
  drop_where([](const Key&) { return true; });
}

void BlockCache::drop_where(const std::function<bool(const Key&)>& gone) {
  state_.with([&](State& state) {
    ++state.drops;
    for (std::list<Slot>& used : state.used) {
      std::erase_if(used, [&](const Slot& slot) {
        if (!gone(slot.key)) return false;
        state.bytes[list_of(slot.kept)] -= slot.block->size();
        state.slots.erase(slot.key);
        return true;
      });
    }
  });
  proven_.with([&](Proven& proven) { std::erase_if(proven, gone); });
}

std::uint64_t BlockCache::drops() const {
  return state_.with([](const State& state) { return state.drops; });
}

std::uint64_t BlockCache::bytes() const {
  return state_.with([](const State& state) { return state.bytes[0] + state.bytes[1]; });
}

void BlockCache::measure(Figures& to, const Labels& view) const {
  const auto [held, blocks] = state_.with([](const State& state) {
    return std::pair{state.bytes[0] + state.bytes[1], state.slots.size()};
  });
  to.level("outboard_mount_cache_bytes", "Content that is held to be read again.",
           static_cast<double>(held), view);
  to.level("outboard_mount_cache_blocks", "Blocks of content that are held.",
           static_cast<double>(blocks), view);
  to.count("outboard_mount_cache_hits_total", "Blocks that a read found there.", hits_.value(),
           view);
  to.count("outboard_mount_cache_misses_total", "Times that a read had to ask the server.",
           misses_.value(), view);
  to.count("outboard_mount_content_wrong_total",
           "Contents that arrived otherwise than the server had said, and were not kept.",
           wrong_.value(), view);
}

BlockCache::Block BlockCache::find(const Key& key) {
  const auto slot = state_.with([&](State& state) -> std::optional<Slot> {
    const auto found = state.slots.find(key);
    if (found == state.slots.end()) return std::nullopt;
    std::list<Slot>& used = state.used[list_of(found->second->kept)];
    used.splice(used.begin(), used, found->second);
    return *found->second;
  });
  if (!slot || (slot->should && !prove(*slot))) return nullptr;
  return slot->block;
}

bool BlockCache::prove(const Slot& slot) {
  const bool good = sha256(*slot.block) == *slot.should;
  const bool news = state_.with([&](State& state) {
    const auto found = state.slots.find(slot.key);
    if (found == state.slots.end() || found->second->block != slot.block) return false;
    if (good) {
      found->second->should.reset();
    } else {
      state.bytes[list_of(slot.kept)] -= slot.block->size();
      state.used[list_of(slot.kept)].erase(found->second);
      state.slots.erase(found);
    }
    return true;
  });
  if (!good && news) note_wrong(slot.key.inode, slot.key.version);
  return good;
}

void BlockCache::put(Slot slot, std::uint64_t drops) {
  const std::uint64_t most =
      slot.kept == Kept::small ? bytes_max_ : std::min(bytes_max_, kLargeFilesHeldBytesMax);
  state_.with([&](State& state) {
    if (state.drops != drops || state.slots.contains(slot.key)) return;
    std::list<Slot>& used = state.used[list_of(slot.kept)];
    std::uint64_t& held = state.bytes[list_of(slot.kept)];
    held += slot.block->size();
    used.push_front(std::move(slot));
    state.slots[used.front().key] = used.begin();
    while (held > most) {
      const Slot& oldest = used.back();
      held -= oldest.block->size();
      state.slots.erase(oldest.key);
      used.pop_back();
    }
  });
}

}  // namespace outboard::fusefs
