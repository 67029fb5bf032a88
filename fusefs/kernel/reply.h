// Reply: the one answer to one request of the kernel.
//
// Move-only and consumed by answering. ~Reply CHECKs that it was: a dropped reply aborts at once
// instead of hanging a caller for ever. Used by the thread that handles the request, unless it was
// laid aside. While it is there its request is watched: what waits for the store ends when nobody
// waits for the answer any more, and the answer is EINTR then: so it is made before the verb is
// called. [S9]
#pragma once

#include <string_view>

#include "core/result.h"
#include "fusefs/kernel/fuse.h"
#include "fusefs/kernel/greeting.h"
#include "fusefs/kernel/request_counts.h"
#include "fusefs/kernel/request_watch.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

// What a session's requests are about: its userdata.
struct Served {
  MountedVolume& volume;
  RequestWatch& watch;
  RequestCounts& counts;
  Greeting& greeting;
};

// The request that this thread processes, as the kernel sent it.
inline thread_local std::string_view raw_request;

// Table 3 of 3: what a program sees of an Error.
int errno_of(Code code);
// The same for extended attributes, where "absent" has a number of its own.
int xattr_errno_of(Code code);
// The same for a change of owner: who may not hears EPERM, which `cp -p` forgives. [S20]
int chown_errno_of(Code code);

// Cached until the kernel is told otherwise: nothing has a time to live. Unsaved bytes may change
// size and times unannounced, so their attributes are not cached.
inline constexpr double kForever = 1e9;

struct stat to_stat(const Shown& shown);
fuse_entry_param to_entry(const Shown& shown);

class Reply {
 public:
  explicit Reply(fuse_req_t request, Signals signals = Signals::deadly);
  ~Reply();
  Reply(Reply&& other) noexcept
      : request_(std::exchange(other.request_, nullptr)), ticket_(std::move(other.ticket_)) {}
  Reply& operator=(Reply&&) = delete;

  // The answer may come from any thread, as late as other programs like; until then a signal ends
  // the wait through this.
  std::shared_ptr<Cancellation> lay_aside();

  void error(const Error& error) &&;
  void error_number(int number) &&;
  void done() && { std::move(*this).error_number(0); }
  void none() &&;
  // False: the kernel did not take it (the caller was interrupted), nothing was counted.
  bool entry(const Shown& shown) &&;
  // What lookup answers for a name that is not there: absence is cached, too.
  void absent(bool lasting) &&;  // and whether the kernel may remember it
  bool create(const Shown& shown, const fuse_file_info& file) &&;
  void attributes(const Shown& shown) &&;
  void symlink(const std::string& target) &&;
  bool open(const fuse_file_info& file) &&;
  void wrote(std::size_t size) &&;
  void bytes(std::string_view bytes) &&;
  void space(const struct statvfs& space) &&;
  void xattr_size(std::size_t size) &&;
  void seek(off_t offset) &&;
  void lock(const struct flock& lock) &&;

 private:
  fuse_req_t take();

  fuse_req_t request_;
  RequestWatch::Ticket ticket_;
};

}  // namespace outboard::fusefs
