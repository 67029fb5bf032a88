#include "server/checkup.h"

#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

#include "core/limits.h"

namespace outboard::server {
namespace {

std::string gibibytes(std::uint64_t bytes) {
  const std::uint64_t tenths = bytes / ((1ULL << 30U) / 10);
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GiB";
}

// The sum of all figures of that name.
std::uint64_t value_of(const Figures& figures, std::string_view name) {
  double sum = 0;
  for (const Figure& figure : figures.all()) {
    if (figure.name == name) sum += figure.value;
  }
  return static_cast<std::uint64_t>(sum);
}

}  // namespace

Result<Diagnosis> Checkup::examine(const Call& call) {
  Diagnosis all;
  const bool whole = is_site_administrator(call.caller);
  for (Examiner* part : parts_) {
    auto found = part->examine(call);
    if (!found) return found.error();
    for (auto& finding : found->findings) all.findings.push_back(std::move(finding));
    if (found->database_time.nanoseconds != 0) all.database_time = found->database_time;
    if (!whole) break;
  }
  return all;
}

Result<Diagnosis> DiskExaminer::examine(const Call&) {
  Diagnosis found;
  if (directory_.empty()) return found;
  struct statvfs disk {};
  if (::statvfs(directory_.c_str(), &disk) != 0) {
    found.wrong("disk", directory_ + " cannot be looked at: " + std::strerror(errno),
                "is its file system mounted?");
    return found;
  }
  const std::uint64_t free = std::uint64_t{disk.f_bavail} * disk.f_frsize;
  const std::uint64_t size = std::uint64_t{disk.f_blocks} * disk.f_frsize;
  std::string said = gibibytes(free) + " of " + gibibytes(size) + " free under " + directory_;
  constexpr const char* kWayOut =
      "make room, or move the data: stop the server, copy the whole directory, start it with the "
      "new --data";
  if (free < kDiskFreeMin) {
    found.wrong("disk", std::move(said), kWayOut);
  } else if (free < kDiskFreeLow) {
    found.doubtful("disk", std::move(said), kWayOut);
  } else {
    found.fine("disk", std::move(said));
  }
  return found;
}

Result<Diagnosis> FigureExaminer::examine(const Call&) {
  Figures figures;
  measure_(figures);
  Diagnosis found;
  const std::uint64_t slow = value_of(figures, "outboard_commit_slow");
  const std::uint64_t queued = value_of(figures, "outboard_commit_queue");
  if (slow > 0) {
    found.doubtful("writes",
                   std::to_string(slow) + " wait for a row that another transaction holds",
                   "find it: SELECT pid, query FROM pg_stat_activity WHERE state = 'idle in "
                   "transaction'; it is ended after a minute, or end it now");
  } else {
    found.fine("writes", std::to_string(queued) + " wait for a commit, none for a row");
  }
  const std::uint64_t lag = value_of(figures, "outboard_feed_lag_changes");
  if (lag > kFeedRingChanges) {
    found.doubtful("feed", "watchers are " + std::to_string(lag) + " changes behind",
                   "is this machine, or the database, out of processor time?");
  } else {
    found.fine("feed", "serves " +
                           std::to_string(value_of(figures, "outboard_feed_subscriptions")) +
                           " subscriptions, " + std::to_string(lag) + " changes behind");
  }
  const std::uint64_t restarts = value_of(figures, "outboard_postgres_restarts_total");
  if (restarts > 0) {
    found.doubtful("restarts",
                   "the embedded Postgres has been started again " + std::to_string(restarts) +
                       " times since this server's start",
                   "the log says why: \"postgres ended\"");
  }
  return found;
}

}  // namespace outboard::server
