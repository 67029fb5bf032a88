#include "fusefs/kernel/notifier.h"

#include <linux/fuse.h>
#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "core/check.h"
#include "core/limits.h"
#include "fusefs/kernel/signals.h"

namespace outboard::fusefs {
namespace {

constexpr std::size_t kThreads = 3;
// FUSE_NOTIFY_INC_EPOCH of linux/fuse.h, which may be older than the kernel: every cached name is
// looked up again.
constexpr std::int32_t kNotifyIncEpoch = 8;
// FUSE_NOTIFY_PRUNE: nodes that nobody uses go from the kernel's memory. An older kernel refuses
// it, and forgets them when it is short of memory.
constexpr std::int32_t kNotifyPrune = 9;
struct PruneOut {
  std::uint32_t count = 0;
  std::uint32_t padding = 0;
  std::uint64_t spare = 0;
};

void drop_name(fuse_session* session, NodeId directory, const std::string& name) {
  fuse_lowlevel_notify_inval_entry(session, directory.value, name.c_str(), name.size());
}

void deliver_name(fuse_session* session, const Notice& notice) {
  // First the name, which waits for listings and lookups under way, then what they had cached.
  int answer = -ENOENT;
  if (notice.kind == NoticeKind::name_gone && notice.node) {
    answer = fuse_lowlevel_notify_delete(session, notice.directory.value, notice.node.value,
                                         notice.name.c_str(), notice.name.size());
  }
  if (answer != 0) drop_name(session, notice.directory, notice.name);
  fuse_lowlevel_notify_inval_inode(session, notice.directory.value, 0, 0);
}

// What the kernel does not know, or has no room for, it asks for when it is read.
void deliver_bytes(fuse_session* session, const Notice& notice) {
  fuse_bufvec whole = FUSE_BUFVEC_INIT(notice.bytes->size());
  whole.buf[0].mem = const_cast<char*>(notice.bytes->data());  // libfuse only reads it
  fuse_lowlevel_notify_store(session, notice.node.value, 0, &whole, fuse_buf_copy_flags{});
}

// What libfuse 3.14 has no call for. False: the kernel does not know it.
bool write_notice(fuse_session* session, std::int32_t code, std::string_view body) {
  fuse_out_header header{};
  header.len = static_cast<std::uint32_t>(sizeof header + body.size());
  header.error = code;
  std::string message(reinterpret_cast<const char*>(&header), sizeof header);
  message.append(body);
  const ssize_t sent = write(fuse_session_fd(session), message.data(), message.size());
  return sent == static_cast<ssize_t>(message.size());
}

void deliver_unused(fuse_session* session, const Notice& notice) {
  PruneOut prune;
  prune.count = static_cast<std::uint32_t>(notice.unused.size());
  std::string body(reinterpret_cast<const char*>(&prune), sizeof prune);
  for (const NodeId node : notice.unused) {
    body.append(reinterpret_cast<const char*>(&node.value), sizeof node.value);
  }
  write_notice(session, kNotifyPrune, body);
}

void deliver_all_names(fuse_session* session, const Notice& notice) {
  write_notice(session, kNotifyIncEpoch, {});
  fuse_lowlevel_notify_inval_inode(session, notice.node.value, 0, 0);
}

void deliver(fuse_session* session, const Notice& notice) {
  switch (notice.kind) {
    case NoticeKind::store: return deliver_bytes(session, notice);
    case NoticeKind::unused: return deliver_unused(session, notice);
    case NoticeKind::all_names: return deliver_all_names(session, notice);
    case NoticeKind::name_gone: [[fallthrough]];
    case NoticeKind::name_new: return deliver_name(session, notice);
    case NoticeKind::content: [[fallthrough]];
    case NoticeKind::attributes: break;
  }
  constexpr std::uint64_t kPage = 4096;
  const bool content = notice.kind == NoticeKind::content;
  const auto from = content ? static_cast<off_t>(notice.from / kPage * kPage) : off_t{-1};
  const int answer = fuse_lowlevel_notify_inval_inode(session, notice.node.value, from, 0);
  if (answer != -ENOENT) return;
  // The kernel does not know the node yet: a lookup may be on its way with the old attributes. It
  // holds its directory's lock, so dropping the name waits for it and then takes its answer away.
  for (const auto& [directory, name] : notice.names) drop_name(session, directory, name);
}

bool is_of_node(const Notice& notice) {
  return notice.kind == NoticeKind::content || notice.kind == NoticeKind::attributes;
}

// `waiting` becomes what does both.
void add_to(Notice& waiting, Notice& notice) {
  const bool both = waiting.kind == notice.kind;
  if (notice.kind == NoticeKind::content) {
    waiting.from = both ? std::min(waiting.from, notice.from) : notice.from;
    waiting.kind = NoticeKind::content;
  }
  for (auto& name : notice.names) {
    if (std::ranges::find(waiting.names, name) == waiting.names.end()) {
      waiting.names.push_back(std::move(name));
    }
  }
}

}  // namespace

Notifier::Notifier() {
  const BlockedSignals blocked;
  for (std::size_t i = 0; i < kThreads; ++i) threads_.emplace_back([this] { run(); });
}

Notifier::~Notifier() {
  {
    Lock lock(mutex_);
    CHECK(session_ == nullptr);
    stop_ = true;
    work_.notify_all();
  }
  for (std::thread& thread : threads_) thread.join();
}

void Notifier::attach(fuse_session* session) {
  Lock lock(mutex_);
  session_ = session;
}

void Notifier::detach() {
  Lock lock(mutex_);
  session_ = nullptr;
  for (auto& [key, queue] : queues_) {
    while (!queue.jobs.empty()) finish(take(queue));
  }
  while (active_ > 0) done_.wait(mutex_);
}

Notifier::Key Notifier::key_of(const Notice& notice) {
  return notice.directory ? Key{notice.directory, true} : Key{notice.node, false};
}

void Notifier::post(std::vector<Notice> notices) {
  Lock lock(mutex_);
  for (Notice& notice : notices) {
    if (session_ == nullptr) {
      if (notice.delivered) notice.delivered->store(true);
      continue;
    }
    const Key key = key_of(notice);
    Queue& queue = queues_[key];
    if (!join(queue, notice)) enqueue(key, queue, std::move(notice));
  }
  work_.notify_all();
}

// Nothing needs a ticket of its own that is done by what waits already: that one is older, so who
// waits for the later one waits for it.
bool Notifier::join(Queue& queue, Notice& notice) {
  Job* job = nullptr;
  if (notice.directory) {
    const auto found = queue.by_name.find(notice.name);
    if (found == queue.by_name.end()) return false;
    job = found->second;
    // Whichever way, the kernel drops what it has under the name when its turn comes. Which node
    // stood there before all that is what it can have: the first that was said to be gone.
    if (!job->notice.node) {
      job->notice.kind = notice.kind;
      job->notice.node = notice.node;
    }
  } else {
    if (queue.jobs.empty()) return false;
    job = &queue.jobs.back();
    Notice& last = job->notice;
    if (is_of_node(last) && is_of_node(notice)) {
      add_to(last, notice);
    } else if (last.kind == notice.kind && notice.kind == NoticeKind::unused) {
      last.unused = std::move(notice.unused);  // the later one says it of all that is known by now
    } else if (last.kind != notice.kind || notice.kind != NoticeKind::all_names) {
      return false;
    }
  }
  if (notice.delivered) job->delivered.push_back(std::move(notice.delivered));
  return true;
}

void Notifier::enqueue(const Key& key, Queue& queue, Notice notice) {
  if (queue.jobs.empty() && !queue.busy) ready_.push_back(key);
  Job& job = queue.jobs.emplace_back();
  job.ticket = ++last_ticket_;
  open_.insert(job.ticket);
  if (notice.delivered) job.delivered.push_back(std::move(notice.delivered));
  job.notice = std::move(notice);
  if (job.notice.directory) queue.by_name.emplace(job.notice.name, &job);
  ++waiting_;
}

Notifier::Job Notifier::take(Queue& queue) {
  if (waiting_-- == kNotifyQueueMax) done_.notify_all();
  if (queue.jobs.front().notice.directory) queue.by_name.erase(queue.jobs.front().notice.name);
  Job job = std::move(queue.jobs.front());
  queue.jobs.pop_front();
  return job;
}

void Notifier::finish(const Job& job) {
  open_.erase(job.ticket);
  for (const auto& delivered : job.delivered) delivered->store(true);
  done_.notify_all();
}

bool Notifier::has_room(Moment until) {
  Lock lock(mutex_);
  while (waiting_ >= kNotifyQueueMax) {
    if (!done_.wait_until(mutex_, until)) return waiting_ < kNotifyQueueMax;
  }
  return true;
}

bool Notifier::flushed(Moment until) {
  Lock lock(mutex_);
  const std::uint64_t last = last_ticket_;
  while (!open_.empty() && *open_.begin() <= last) {
    if (!done_.wait_until(mutex_, until)) return open_.empty() || *open_.begin() > last;
  }
  return true;
}

bool Notifier::forget_names() {
  fuse_session* session = nullptr;
  {
    Lock lock(mutex_);
    if (session_ == nullptr) return true;
    session = session_;
    ++active_;
  }
  const bool raised = write_notice(session, kNotifyIncEpoch, {});
  Lock lock(mutex_);
  --active_;
  done_.notify_all();
  return raised;
}

std::vector<Notice> Notifier::pending() const {
  Lock lock(mutex_);
  std::vector<Notice> found;
  for (const auto& [ticket, notice] : delivering_) found.push_back(notice);
  for (const auto& [key, queue] : queues_) {
    for (const Job& job : queue.jobs) found.push_back(job.notice);
  }
  std::erase_if(found, [](const Notice& notice) { return notice.kind == NoticeKind::store; });
  return found;
}

void Notifier::run() {
  pthread_setname_np(pthread_self(), "notify");
  mutex_.lock();
  for (;;) {
    while (!stop_ && ready_.empty()) work_.wait(mutex_);
    if (stop_) break;
    const Key key = ready_.front();
    ready_.pop_front();
    Queue& queue = queues_[key];
    if (queue.jobs.empty() || session_ == nullptr) {
      queues_.erase(key);
      continue;
    }
    const Job job = take(queue);
    queue.busy = true;
    delivering_[job.ticket] = job.notice;
    fuse_session* const session = session_;
    ++active_;
    mutex_.unlock();
    deliver(session, job.notice);
    mutex_.lock();
    --active_;
    delivering_.erase(job.ticket);
    finish(job);
    queue.busy = false;
    if (queue.jobs.empty()) {
      queues_.erase(key);
    } else {
      ready_.push_back(key);
      work_.notify_one();
    }
  }
  mutex_.unlock();
}

}  // namespace outboard::fusefs
