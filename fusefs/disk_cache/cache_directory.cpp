#include "fusefs/disk_cache/cache_directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <memory>
#include <utility>
#include <vector>

#include "core/digest.h"
#include "core/limits.h"

namespace outboard::fusefs {
namespace {

// A shard of a million small entries is listed in some 20 ms, and one of its directories, with some
// 1,000 of them, in one; more directories would have to be made by the first that come. The numbers
// never change: they say where an entry is.
constexpr std::size_t kShards = 64;
constexpr std::size_t kDirectories = 16;  // of a shard
constexpr int kDirectoryTries = 3;        // to make one that others take away
constexpr std::uint64_t kDiskBlockBytes = 4'096;
constexpr const char* kUsage = "usage";
constexpr std::string_view kTemporary = ".";  // begins no entry's name
using Checksum = std::uint64_t;
constexpr std::uint64_t kUncounted = ~0ULL;

std::string why() {
  char text[128] = {};
  return strerror_r(errno, text, sizeof text);
}

Error refusal(const std::string& what) {
  return Error{Code::unavailable, what + ": " + why()};
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  bool close() { return fd_ < 0 || ::close(std::exchange(fd_, -1)) == 0; }

 private:
  int fd_;
};

std::size_t shard_of(std::string_view file, std::uint64_t window) {
  const std::uint64_t start = std::stoull(std::string(file.substr(0, 8)), nullptr, 16);
  return (start + window) % kShards;
}

std::size_t shard_of(const EntryName& name) {
  return shard_of(name.file, name.window);
}

std::string path_of(std::size_t number) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {kDigits[number / kDigits.size()], kDigits[number % kDigits.size()]};
}

// Where the entries of a file are: first windows, or further ones of a shard.
std::string first_directory(std::string_view file) {
  const std::uint64_t number = std::stoull(std::string(file.substr(8, 8)), nullptr, 16);
  return path_of(shard_of(file, 0)) + "/" + path_of(number % kDirectories);
}

std::string further_directory(std::string_view file, std::size_t shard) {
  return path_of(shard) + "/" + std::string(file);
}

std::string directory_of(const EntryName& name) {
  if (name.window == 0) return first_directory(name.file);
  return further_directory(name.file, shard_of(name));
}

std::string text_of(const EntryName& name) {
  return name.file + "-" + name.content + "-" + std::to_string(name.window);
}

std::string path_of(const EntryName& name) {
  return directory_of(name) + "/" + text_of(name);
}

Checksum checksum_of(std::string_view name, std::string_view bytes) {
  const std::array<Checksum, 2> both{xxh3(name), xxh3(bytes)};
  return xxh3({reinterpret_cast<const char*>(both.data()), sizeof both});
}

// What a file takes on the disk.
std::uint64_t cost_of(std::uint64_t file_bytes) {
  return (file_bytes + kDiskBlockBytes - 1) / kDiskBlockBytes * kDiskBlockBytes;
}

Timestamp time_of(const struct stat& file) {
  return {file.st_mtim.tv_sec * 1'000'000'000 + file.st_mtim.tv_nsec};
}

void set_time(int fd, Timestamp at) {
  const timespec time{at.nanoseconds / 1'000'000'000, at.nanoseconds % 1'000'000'000};
  const std::array<timespec, 2> both{time, time};
  (void)::futimens(fd, both.data());  // an entry that looks old goes early
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

struct Found {
  std::string path;
  Timestamp used;
  std::uint64_t cost = 0;
};

// The names in a directory, with their paths; none when it cannot be listed.
std::vector<std::string> paths_in(int directory, const std::string& path) {
  std::vector<std::string> paths;
  const int fd = ::openat(directory, path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0) return paths;
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd), ::closedir);
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") paths.push_back(path + "/" + std::string(name));
  }
  return paths;
}

bool is_named(std::string_view path, std::string_view start) {
  return path.substr(path.rfind('/') + 1).starts_with(start);
}

}  // namespace

CacheDirectory::CacheDirectory(int descriptor, std::uint64_t shard_bytes_max, const Clock& clock)
    : descriptor_(descriptor),
      shard_bytes_max_(shard_bytes_max),
      clock_(clock),
      temporary_(std::string(kTemporary) + random_secret(12) + "-") {}

CacheDirectory::CacheDirectory(CacheDirectory&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)),
      shard_bytes_max_(other.shard_bytes_max_),
      clock_(other.clock_),
      temporary_(std::move(other.temporary_)) {}

CacheDirectory::~CacheDirectory() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Result<CacheDirectory> CacheDirectory::open(const std::string& path, std::uint64_t bytes_max,
                                            const Clock& clock) {
  const std::string belongs =
      "it must belong to user " + std::to_string(::geteuid()) + ", as which this daemon runs";
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const Code code = errno == ENOENT ? Code::not_found : Code::no_access;
    return Error{code, path + ": " + why() + "; " + belongs, path};
  }
  CacheDirectory directory(fd, bytes_max / kShards, clock);
  struct stat found {};
  if (::fstat(fd, &found) != 0) return refusal(path);
  if (found.st_uid != ::geteuid()) {
    return Error{Code::no_access,
                 path + " belongs to user " + std::to_string(found.st_uid) +
                     ", who could hand programs other bytes: " + belongs,
                 path};
  }
  if ((found.st_mode & 077) != 0) {
    return Error{Code::no_access,
                 path + " is open to other users, and files' contents will lie in it: chmod 700",
                 path};
  }
  return directory;
}

Result<std::string> CacheDirectory::read(const EntryName& name, std::uint64_t size) const {
  const std::string path = path_of(name);
  const Descriptor entry(
      ::openat(descriptor_, path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!entry && errno == ENOENT) return Error{Code::not_found, "not kept"};
  struct stat found {};
  if (!entry || ::fstat(entry.get(), &found) != 0) return refusal("reading an entry");
  Checksum checksum = 0;
  std::string bytes(sizeof checksum + size, '\0');
  ssize_t got = 0;
  if (static_cast<std::uint64_t>(found.st_size) == bytes.size()) {
    got = ::pread(entry.get(), bytes.data(), bytes.size(), 0);
  }
  std::memcpy(&checksum, bytes.data(), sizeof checksum);
  bytes.erase(0, sizeof checksum);
  if (got != found.st_size || checksum != checksum_of(text_of(name), bytes)) {
    remove(name);
    return Error{Code::corrupt, "an entry was damaged"};
  }
  note_use(entry.get(), time_of(found));
  return bytes;
}

void CacheDirectory::note_use(int entry, Timestamp last) const {
  const Timestamp now = clock_.wall();
  const auto since = std::chrono::nanoseconds(now.nanoseconds - last.nanoseconds);
  if (since > kDiskCacheUseNoted || since < -kDiskCacheUseNoted) set_time(entry, now);
}

Status CacheDirectory::write(const EntryName& name, std::string_view bytes) const {
  const std::string path = path_of(name);
  if (::faccessat(descriptor_, path.c_str(), F_OK, 0) == 0) return success();
  auto written = write_file(name, bytes);
  if (!written) return written;
  add_counted(shard_of(name), static_cast<std::int64_t>(cost_of(sizeof(Checksum) + bytes.size())));
  return success();
}

Status CacheDirectory::write_file(const EntryName& name, std::string_view bytes) const {
  const std::string directory = directory_of(name);
  const std::string temporary = directory + "/" + temporary_ + text_of(name);
  const auto make = [&] {
    return ::openat(descriptor_, temporary.c_str(),
                    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
  };
  int made = make();
  // Another daemon that makes room takes a directory that it finds empty.
  for (int tries = 0; made < 0 && errno == ENOENT && tries < kDirectoryTries; ++tries) {
    (void)::mkdirat(descriptor_, path_of(shard_of(name)).c_str(), 0700);
    (void)::mkdirat(descriptor_, directory.c_str(), 0700);
    made = make();
  }
  Descriptor entry(made);
  if (!entry) return refusal("making an entry");
  const Checksum checksum = checksum_of(text_of(name), bytes);
  std::string head(sizeof checksum, '\0');
  std::memcpy(head.data(), &checksum, sizeof checksum);
  bool good = write_all(entry.get(), head) && write_all(entry.get(), bytes);
  if (good) set_time(entry.get(), clock_.wall());
  good = good && entry.close() &&
         ::renameat(descriptor_, temporary.c_str(), descriptor_, path_of(name).c_str()) == 0;
  if (good) return success();
  const Error refused = refusal("writing an entry");
  (void)::unlinkat(descriptor_, temporary.c_str(), 0);
  return refused;
}

void CacheDirectory::remove(const EntryName& name) const {
  (void)::unlinkat(descriptor_, path_of(name).c_str(), 0);  // the count is mended by a look
}

std::uint64_t CacheDirectory::remove_all(std::string_view file) const {
  std::uint64_t looked_at = 0;
  const auto remove_in = [&](const std::string& directory) {
    for (const std::string& path : paths_in(descriptor_, directory)) {
      ++looked_at;
      if (is_named(path, file)) (void)::unlinkat(descriptor_, path.c_str(), 0);
    }
  };
  remove_in(first_directory(file));
  for (std::size_t shard = 0; shard < kShards; ++shard) remove_in(further_directory(file, shard));
  return looked_at;
}

std::uint64_t CacheDirectory::make_room(const EntryName& name) const {
  const std::size_t shard = shard_of(name);
  const auto now_there = counted(shard);
  if (now_there && *now_there <= shard_bytes_max_) return 0;
  const Timestamp now = clock_.wall();
  std::vector<Found> entries;
  std::uint64_t bytes = 0;
  std::vector<std::string> paths;
  for (const std::string& directory : paths_in(descriptor_, path_of(shard))) {
    const auto before = paths.size();
    std::ranges::move(paths_in(descriptor_, directory), std::back_inserter(paths));
    // One that has nothing in it any more; whoever writes into it meanwhile makes it again.
    if (paths.size() == before) (void)::unlinkat(descriptor_, directory.c_str(), AT_REMOVEDIR);
  }
  for (const std::string& path : paths) {
    struct stat file {};
    if (::fstatat(descriptor_, path.c_str(), &file, AT_SYMLINK_NOFOLLOW) != 0) continue;
    const Timestamp used = time_of(file);
    if (is_named(path, kTemporary)) {
      const auto age = std::chrono::nanoseconds(now.nanoseconds - used.nanoseconds);
      if (age > kDiskCacheWriteFor) (void)::unlinkat(descriptor_, path.c_str(), 0);
      continue;
    }
    entries.push_back({path, used, cost_of(static_cast<std::uint64_t>(file.st_size))});
    bytes += entries.back().cost;
  }
  std::uint64_t gone = 0;
  if (bytes > shard_bytes_max_) {
    std::ranges::sort(entries, {}, &Found::used);
    for (const Found& entry : entries) {
      if (bytes <= shard_bytes_max_ / 8 * 7) break;  // not again for the next one
      bytes -= entry.cost;
      if (::unlinkat(descriptor_, entry.path.c_str(), 0) == 0) ++gone;
    }
  }
  set_counted(shard, bytes);
  return gone;
}

// ── The count: kShards numbers, each 8 bytes ─────────────────────────────────────────────────────

std::optional<std::uint64_t> CacheDirectory::counted(std::size_t shard) const {
  const Descriptor usage(::openat(descriptor_, kUsage, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::uint64_t bytes = kUncounted;
  const auto at = static_cast<off_t>(shard * sizeof bytes);
  const bool read = usage && ::pread(usage.get(), &bytes, sizeof bytes, at) == sizeof bytes;
  if (!read || bytes == kUncounted) return std::nullopt;
  return bytes;
}

void CacheDirectory::set_counted(std::size_t shard, std::uint64_t bytes) const {
  Descriptor usage(::openat(descriptor_, kUsage, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  std::array<std::uint64_t, kShards> all{};
  struct stat found {};
  if (!usage || ::fstat(usage.get(), &found) != 0) return;
  if (static_cast<std::size_t>(found.st_size) < sizeof all) {
    all.fill(kUncounted);
    (void)!::pwrite(usage.get(), all.data(), sizeof all, 0);
  }
  (void)!::pwrite(usage.get(), &bytes, sizeof bytes, static_cast<off_t>(shard * sizeof bytes));
}

void CacheDirectory::add_counted(std::size_t shard, std::int64_t bytes) const {
  if (const auto before = counted(shard)) {
    set_counted(shard, *before + static_cast<std::uint64_t>(bytes));
  }
}

std::uint64_t CacheDirectory::bytes() const {
  const Descriptor usage(::openat(descriptor_, kUsage, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  std::array<std::uint64_t, kShards> all{};
  if (!usage || ::pread(usage.get(), all.data(), sizeof all, 0) != sizeof all) return 0;
  std::uint64_t sum = 0;
  for (const std::uint64_t bytes : all) {
    if (bytes != kUncounted) sum += bytes;
  }
  return sum;
}

}  // namespace outboard::fusefs
