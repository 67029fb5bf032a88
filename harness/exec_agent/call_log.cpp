#include "harness/exec_agent/call_log.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "harness/exec_agent/durable_file.h"

namespace outboard::harness {
namespace {

constexpr std::string_view kEnding = ".call";
// The page: the intent at 0, the end at 512, how much was printed at 1,024. Each within one sector.
constexpr std::uint64_t kIntentAt = 0;
constexpr std::uint64_t kEndAt = 512;
constexpr std::uint64_t kTotalAt = 1'024;
constexpr std::uint64_t kRecordBytes = 256;
constexpr std::uint64_t kOutputAt = 4'096;

// Numbers in a fixed order, one line: read by this file only.
std::string text_of(const CallIntent& intent) {
  std::ostringstream text;
  text << "1 " << intent.epoch.value << ' ' << intent.output_bytes_max << ' '
       << intent.started.nanoseconds << '\n';
  return text.str();
}

std::string text_of(const CallEnd& end) {
  std::ostringstream text;
  text << "1 " << end.exit_code << ' ' << end.signal << ' ' << end.timed_out << ' ' << end.lost
       << ' ' << end.ended.nanoseconds << '\n';
  return text.str();
}

bool parse(const std::string& text, CallIntent& intent) {
  std::istringstream in(text);
  int format = 0;
  in >> format >> intent.epoch.value >> intent.output_bytes_max >> intent.started.nanoseconds;
  return !in.fail() && format == 1;
}

bool parse(const std::string& text, CallEnd& end) {
  std::istringstream in(text);
  int format = 0;
  in >> format >> end.exit_code >> end.signal >> end.timed_out >> end.lost >> end.ended.nanoseconds;
  return !in.fail() && format == 1;
}

bool write_at(const Descriptor& file, std::string_view bytes, std::uint64_t offset) {
  return ::pwrite(file.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(bytes.size());
}

std::string read_at(const Descriptor& file, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  const ssize_t n = ::pread(file.get(), bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return bytes;
}

std::string path_of(const std::string& directory, const OpId& op) {
  return directory + "/" + to_string(op) + std::string(kEnding);
}

}  // namespace

CallLog::CallLog(std::string path, const CallIntent& intent)
    : path_(std::move(path)), intent_(intent) {}

Descriptor CallLog::reopen() const {
  return Descriptor(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
}

Result<std::shared_ptr<CallLog>> CallLog::create(const std::string& directory,
                                                 const CallIntent& intent) {
  const std::string path = path_of(directory, intent.op);
  if (auto made = create_durable(path, text_of(intent)); !made) return std::move(made).error();
  std::shared_ptr<CallLog> log(new CallLog(path, intent));
  Lock lock(log->mutex_);
  log->file_ = log->reopen();
  if (log->file_) return log;
  return Error{Code::unavailable, "cannot open " + path + ": " + std::strerror(errno), path};
}

Result<std::shared_ptr<CallLog>> CallLog::load(const std::string& directory, const OpId& op,
                                               Timestamp now) {
  const std::string path = path_of(directory, op);
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return Error{Code::unavailable, "cannot open " + path, path};
  CallIntent intent;
  intent.op = op;
  // An intent cut short by a crash was never acted upon; to have seen the op is what counts.
  if (!parse(read_at(file, kIntentAt, kRecordBytes), intent)) intent.started = now;
  std::shared_ptr<CallLog> log(new CallLog(path, intent));
  CallEnd end;
  const bool ended = parse(read_at(file, kEndAt, kRecordBytes), end);
  {
    Lock lock(log->mutex_);
    const std::string total = read_at(file, kTotalAt, sizeof log->total_);
    if (total.size() == sizeof log->total_) std::memcpy(&log->total_, total.data(), total.size());
    log->output_gone_ = read_at(file, kOutputAt, 1).empty();
    if (ended) log->end_ = end;
  }
  if (!ended) {
    {
      Lock lock(log->mutex_);
      log->file_ = log->reopen();
    }
    log->finish(CallEnd{.lost = true, .ended = now});
  }
  return log;
}

std::vector<OpId> CallLog::list(const std::string& directory) {
  std::vector<OpId> ops;
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return ops;
  while (const dirent* entry = ::readdir(open)) {
    std::string_view name(entry->d_name);
    if (!name.ends_with(kEnding)) continue;
    name.remove_suffix(kEnding.size());
    if (const auto uuid = parse_uuid(name)) ops.push_back(OpId{*uuid});
  }
  ::closedir(open);
  return ops;
}

std::uint64_t CallLog::dropped(std::uint64_t total) const {
  return total > 2 * half() ? total - 2 * half() : 0;
}

// The ring's place for output byte `offset` is (offset - half) % half.
void CallLog::write_tail(std::string_view bytes, std::uint64_t offset) {
  if (half() == 0) return;
  if (bytes.size() > half()) {
    offset += bytes.size() - half();
    bytes.remove_prefix(bytes.size() - half());
  }
  while (!bytes.empty()) {
    const std::uint64_t place = (offset - half()) % half();
    const auto part = bytes.substr(0, half() - place);
    if (!write_at(file_, part, kOutputAt + half() + place)) return;
    bytes.remove_prefix(part.size());
    offset += part.size();
  }
}

void CallLog::append(std::string_view bytes) {
  if (bytes.empty()) return;
  {
    Lock lock(mutex_);
    const std::uint64_t in_head = total_ < half() ? std::min(half() - total_, bytes.size()) : 0;
    if (in_head > 0) write_at(file_, bytes.substr(0, in_head), kOutputAt + total_);
    write_tail(bytes.substr(in_head), total_ + in_head);
    total_ += bytes.size();
    write_at(file_, {reinterpret_cast<const char*>(&total_), sizeof total_}, kTotalAt);
  }
  poke_watchers();
}

void CallLog::finish(const CallEnd& end) {
  Descriptor file;
  {
    Lock lock(mutex_);
    file = std::move(file_);  // nothing is appended any more; readers open it for themselves
  }
  // If the end cannot be kept, the next life of the agent will say "lost": true enough.
  write_at(file, text_of(end), kEndAt);
  ::fdatasync(file.get());
  {
    Lock lock(mutex_);
    end_ = end;
  }
  poke_watchers();
}

void CallLog::drop_output() {
  Lock lock(mutex_);
  output_gone_ = true;
  ::truncate(path_.c_str(), kOutputAt);
}

CallState CallLog::state() const {
  Lock lock(mutex_);
  const std::uint64_t gone = output_gone_ ? total_ : dropped(total_);
  return CallState{intent_.op, end_, total_, gone, intent_.started};
}

CallOutput CallLog::read(std::uint64_t offset, std::size_t size_max) const {
  Lock lock(mutex_);
  if (output_gone_ || offset >= total_ || half() == 0) return CallOutput{total_, {}};
  std::uint64_t at = kOutputAt + offset;
  std::uint64_t size = std::min(half(), total_) - offset;
  if (offset >= half()) {
    offset = std::max(offset, half() + dropped(total_));
    const std::uint64_t place = (offset - half()) % half();
    at = kOutputAt + half() + place;
    size = std::min(half() - place, total_ - offset);
  }
  size = std::min<std::uint64_t>(size, size_max);
  return CallOutput{offset, file_ ? read_at(file_, at, size) : read_at(reopen(), at, size)};
}

void CallLog::watch(std::weak_ptr<CallWatcher> watcher) {
  Lock lock(mutex_);
  std::erase_if(watchers_, [](const auto& known) { return known.expired(); });
  watchers_.push_back(std::move(watcher));
}

void CallLog::poke_watchers() {
  std::vector<std::shared_ptr<CallWatcher>> alive;
  {
    Lock lock(mutex_);
    for (const auto& watcher : watchers_) {
      if (auto held = watcher.lock()) alive.push_back(std::move(held));
    }
  }
  for (const auto& watcher : alive) watcher->poke();
}

}  // namespace outboard::harness
