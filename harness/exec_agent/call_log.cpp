#include "harness/exec_agent/call_log.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <sstream>

#include "harness/exec_agent/durable_file.h"

namespace outboard::harness {
namespace {

constexpr std::string_view kIntentEnding = ".intent";
constexpr off_t kRingStart = sizeof(std::uint64_t);

std::string path_of(const std::string& directory, const OpId& op) {
  return directory + "/" + to_string(op);
}

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

bool write_at(int fd, std::string_view bytes, std::uint64_t offset) {
  return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset)) ==
         static_cast<ssize_t>(bytes.size());
}

std::string read_at(int fd, std::uint64_t offset, std::uint64_t size) {
  std::string bytes(size, '\0');
  const ssize_t n = ::pread(fd, bytes.data(), size, static_cast<off_t>(offset));
  bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  return bytes;
}

}  // namespace

CallLog::CallLog(std::string path, const CallIntent& intent)
    : path_(std::move(path)), intent_(intent) {}

Status CallLog::create_output() {
  const int flags = O_RDWR | O_CLOEXEC | O_CREAT | O_TRUNC;
  Lock lock(mutex_);
  head_ = Descriptor(::open((path_ + ".head").c_str(), flags, 0600));
  tail_ = Descriptor(::open((path_ + ".tail").c_str(), flags, 0600));
  if (head_ && tail_) return success();
  return Error{Code::unavailable,
               "cannot keep the command's output in " + path_ +
                   ".head and .tail; see that the log directory is writable and not full",
               path_};
}

Descriptor CallLog::reopen(std::string_view ending) const {
  return Descriptor(::open((path_ + std::string(ending)).c_str(), O_RDONLY | O_CLOEXEC));
}

Result<std::shared_ptr<CallLog>> CallLog::create(const std::string& directory,
                                                 const CallIntent& intent) {
  const std::string path = path_of(directory, intent.op);
  if (auto made = create_durable(path + std::string(kIntentEnding), text_of(intent)); !made) {
    return std::move(made).error();
  }
  std::shared_ptr<CallLog> log(new CallLog(path, intent));
  if (auto opened = log->create_output(); !opened) return std::move(opened).error();
  return log;
}

Result<std::shared_ptr<CallLog>> CallLog::load(const std::string& directory, const OpId& op,
                                               Timestamp now) {
  const std::string path = path_of(directory, op);
  auto text = read_small_file(path + std::string(kIntentEnding));
  if (!text) return std::move(text).error();
  CallIntent intent;
  intent.op = op;
  // An intent cut short by a crash was never acted upon; to have seen the op is what counts.
  if (!parse(*text, intent)) intent.started = now;
  std::shared_ptr<CallLog> log(new CallLog(path, intent));
  std::optional<CallEnd> end;
  if (auto found = read_small_file(path + ".end")) {
    if (CallEnd read; parse(*found, read)) end = read;
  }
  const Descriptor tail = log->reopen(".tail");
  const std::string total = read_at(tail.get(), 0, sizeof log->total_);
  {
    Lock lock(log->mutex_);
    log->output_gone_ = !tail;
    if (total.size() == sizeof log->total_) {
      std::copy(total.begin(), total.end(), reinterpret_cast<char*>(&log->total_));
    }
    log->end_ = end;
  }
  if (!end) log->finish(CallEnd{.lost = true, .ended = now});
  return log;
}

std::vector<OpId> CallLog::list(const std::string& directory) {
  std::vector<OpId> ops;
  DIR* open = ::opendir(directory.c_str());
  if (open == nullptr) return ops;
  while (const dirent* entry = ::readdir(open)) {
    std::string_view name(entry->d_name);
    if (!name.ends_with(kIntentEnding)) continue;
    name.remove_suffix(kIntentEnding.size());
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
    if (!write_at(tail_.get(), part, static_cast<std::uint64_t>(kRingStart) + place)) return;
    bytes.remove_prefix(part.size());
    offset += part.size();
  }
}

void CallLog::append(std::string_view bytes) {
  if (bytes.empty()) return;
  {
    Lock lock(mutex_);
    const std::uint64_t in_head = total_ < half() ? std::min(half() - total_, bytes.size()) : 0;
    if (in_head > 0) write_at(head_.get(), bytes.substr(0, in_head), total_);
    write_tail(bytes.substr(in_head), total_ + in_head);
    total_ += bytes.size();
    write_at(tail_.get(), {reinterpret_cast<const char*>(&total_), sizeof total_}, 0);
  }
  poke_watchers();
}

void CallLog::finish(const CallEnd& end) {
  ::fdatasync(head_.get());
  ::fdatasync(tail_.get());
  // If the end cannot be kept, the next life of the agent will say "lost": true enough.
  (void)replace_durable(path_ + ".end", text_of(end));
  {
    Lock lock(mutex_);
    end_ = end;
    head_.reset();
    tail_.reset();
  }
  poke_watchers();
}

void CallLog::drop_output() {
  Lock lock(mutex_);
  output_gone_ = true;
  ::unlink((path_ + ".head").c_str());
  ::unlink((path_ + ".tail").c_str());
}

CallState CallLog::state() const {
  Lock lock(mutex_);
  const std::uint64_t gone = output_gone_ ? total_ : dropped(total_);
  return CallState{intent_.op, end_, total_, gone, intent_.started};
}

CallOutput CallLog::read(std::uint64_t offset, std::size_t size_max) const {
  Lock lock(mutex_);
  if (output_gone_ || offset >= total_ || half() == 0) return CallOutput{total_, {}};
  if (offset < half()) {
    const std::uint64_t size = std::min<std::uint64_t>(std::min(half(), total_) - offset, size_max);
    const Descriptor again = head_ ? Descriptor() : reopen(".head");
    return CallOutput{offset, read_at(head_ ? head_.get() : again.get(), offset, size)};
  }
  offset = std::max(offset, half() + dropped(total_));
  const std::uint64_t place = (offset - half()) % half();
  const std::uint64_t size =
      std::min({half() - place, total_ - offset, static_cast<std::uint64_t>(size_max)});
  const Descriptor again = tail_ ? Descriptor() : reopen(".tail");
  return CallOutput{offset, read_at(tail_ ? tail_.get() : again.get(),
                                    static_cast<std::uint64_t>(kRingStart) + place, size)};
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
