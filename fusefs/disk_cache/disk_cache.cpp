#include "fusefs/disk_cache/disk_cache.h"

#include <pthread.h>

#include <utility>

#include "core/log.h"

namespace outboard::fusefs {
namespace {

// Of a digest, in a name: 128 bits tell contents of one file apart.
constexpr std::size_t kNameDigits = 32;

std::string digits_of(std::string_view text) {
  return to_string(sha256(text)).substr(0, kNameDigits);
}

}  // namespace

Result<std::unique_ptr<DiskCache>> DiskCache::open(const Config& config, const Clock& clock) {
  auto directory = CacheDirectory::open(config.directory, config.bytes_max, clock);
  if (!directory) return std::move(directory).error();
  return std::unique_ptr<DiskCache>(new DiskCache(config, *std::move(directory), clock));
}

DiskCache::DiskCache(const Config& config, CacheDirectory directory, const Clock& clock)
    : config_(config),
      clock_(clock),
      directory_(std::move(directory)),
      thread_([this] { run(); }) {}

DiskCache::~DiskCache() {
  {
    const Lock lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

std::string DiskCache::file_of(VolumeId volume, Inode inode) const {
  return digits_of(config_.server + "\n" + to_string(volume) + "\n" + to_string(inode));
}

EntryName DiskCache::name_of(const DiskKey& key) const {
  return {file_of(key.volume, key.inode), digits_of(key.content), key.window};
}

std::optional<std::string> DiskCache::find(const DiskKey& key, std::uint64_t size,
                                           const std::optional<Sha256>& digest) {
  const EntryName name = name_of(key);
  auto found = directory_.read(name, size);
  if (found && digest && sha256(*found) != *digest) {
    directory_.remove(name);
    found = Error{Code::corrupt, "an entry has not the digest that the server told of"};
  }
  if (found) {
    hits_.add();
    return *std::move(found);
  }
  misses_.add();
  if (found.error().code == Code::corrupt) damaged_.add();
  if (found.error().code == Code::unavailable) note_failure(found.error());
  return std::nullopt;
}

std::uint64_t DiskCache::drops() const {
  const Lock lock(mutex_);
  return drops_;
}

void DiskCache::put(const DiskKey& key, std::string bytes, std::uint64_t drops,
                    const std::optional<Sha256>& should) {
  Job job{name_of(key), std::move(bytes), should};
  const Moment now = clock_.now();
  const Lock lock(mutex_);
  const bool paused = failed_until_ && now < *failed_until_;
  if (paused || drops_ != drops || waiting_bytes_ + job.bytes.size() > kDiskCacheQueueBytesMax) {
    unkept_.add();
    return;
  }
  waiting_bytes_ += job.bytes.size();
  jobs_.push_back(std::move(job));
  changed_.notify_all();
}

void DiskCache::drop(VolumeId volume, Inode inode) {
  const std::string file = file_of(volume, inode);
  {
    const Lock lock(mutex_);
    ++drops_;
    std::deque<Job> others;
    for (Job& job : jobs_) {
      if (job.name.file == file) waiting_bytes_ -= job.bytes.size();
      if (job.name.file != file) others.push_back(std::move(job));
    }
    jobs_ = std::move(others);
    while (writing_ == file) changed_.wait(mutex_);
  }
  directory_.remove_all(file);
}

bool DiskCache::settled(Moment until) {
  const Lock lock(mutex_);
  while (!jobs_.empty() || !writing_.empty()) {
    if (!changed_.wait_until(mutex_, until)) return jobs_.empty() && writing_.empty();
  }
  return true;
}

void DiskCache::run() {
  pthread_setname_np(pthread_self(), "disk-cache");
  for (;;) {
    Job job;
    {
      const Lock lock(mutex_);
      writing_.clear();
      changed_.notify_all();
      while (jobs_.empty() && !stop_) changed_.wait(mutex_);
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
      waiting_bytes_ -= job.bytes.size();
      writing_ = job.name.file;
    }
    write(job);
  }
}

void DiskCache::write(const Job& job) {
  {
    const Moment now = clock_.now();
    const Lock lock(mutex_);
    if (failed_until_ && now < *failed_until_) return unkept_.add();
  }
  if (job.should && sha256(job.bytes) != *job.should) return unkept_.add();
  const auto written = directory_.write(job.name, job.bytes);
  if (!written) {
    unkept_.add();
    return note_failure(written.error());
  }
  written_.add();
  bool again = false;
  {
    const Lock lock(mutex_);
    again = std::exchange(failed_until_, std::nullopt).has_value();
  }
  if (again) log(Severity::info, "the disk cache is written again", {{"path", config_.directory}});
  evicted_.add(directory_.make_room(job.name));
}

void DiskCache::note_failure(const Error& why) {
  bool first = false;
  {
    const Moment now = clock_.now();
    const Lock lock(mutex_);
    first = !failed_until_;
    failed_until_ = now + kDiskCachePause;
  }
  if (!first) return;
  log(Severity::warning, "the disk cache refuses; contents come from the server meanwhile",
      {{"path", config_.directory}, {"why", why.message}});
}

DiskUse DiskCache::use() const {
  DiskUse use;
  use.directory = config_.directory;
  use.bytes = directory_.bytes();
  use.bytes_max = config_.bytes_max;
  use.hits = hits_.value();
  use.misses = misses_.value();
  const Lock lock(mutex_);
  use.failing = failed_until_.has_value();
  return use;
}

void DiskCache::measure(Figures& to) const {
  const DiskUse now = use();
  to.level("outboard_mount_disk_cache_bytes", "Taken on the disk, by all daemons that share it.",
           static_cast<double>(now.bytes));
  to.level("outboard_mount_disk_cache_failing",
           "1: the disk is full or refuses; nothing new is kept for the time being.",
           now.failing ? 1 : 0);
  to.count("outboard_mount_disk_cache_hits_total", "Contents, or parts of large ones, found there.",
           now.hits);
  to.count("outboard_mount_disk_cache_misses_total", "Those that the server was asked for.",
           now.misses);
  to.count("outboard_mount_disk_cache_written_total", "Those that were kept.", written_.value());
  to.count("outboard_mount_disk_cache_unkept_total",
           "Those that were not, as the disk refused or too many waited.", unkept_.value());
  to.count("outboard_mount_disk_cache_damaged_total", "Entries that were not what they had been.",
           damaged_.value());
  to.count("outboard_mount_disk_cache_evicted_total", "Entries that made room for others.",
           evicted_.value());
}

}  // namespace outboard::fusefs
