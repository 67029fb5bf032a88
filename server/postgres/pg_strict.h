// PgStrict: a publish on a strict volume returns once no mount shows older bytes, whichever server
// it hangs on. [S7]
//
// PgStore::apply → settle(): waits for this server's own mounts (core/mount_acks), asks the others
// by NOTIFY and waits for their word; a server that does not answer costs kStrictLease, as a mount
// does: what its mounts were sure of has run out by then. The committer and its other callers do
// not wait.
//
// What always holds: a server stands in strict_servers before it takes a mount in, and for
// kStrictServerFor after it was last heard of.
//
// Any thread may call. One lock, a leaf. The thread "strict" answers others and renews the row.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "core/entry.h"
#include "core/guarded.h"
#include "core/mount_acks.h"
#include "core/result.h"
#include "server/postgres/connection_pool.h"

namespace outboard::server {

class PgStrict {
 public:
  // `acks` must outlive it.
  PgStrict(const std::string& url, MountAcks& acks);
  ~PgStrict();
  PgStrict(const PgStrict&) = delete;
  PgStrict& operator=(const PgStrict&) = delete;

  enum class Waiting : std::uint8_t { publish, read };
  // A publish is under way, from before its commit until it has settled, or a reader waits for one.
  class Turn {
   public:
    Turn(PgStrict* strict, Waiting who) : strict_(strict), who_(who) {}
    Turn(Turn&& other) noexcept
        : strict_(std::exchange(other.strict_, nullptr)), who_(other.who_) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (strict_ != nullptr) strict_->leave(who_);
    }

   private:
    PgStrict* strict_;  // nothing: the volume is not strict
    Waiting who_;
  };
  // unavailable: so many wait for mounts that this one would take a thread from those who wait for
  // nobody. Nothing is written then.
  Result<Turn> enter(VolumeId volume, Waiting who);
  // Returns when every mount of a strict volume shows `seq`, or cannot show anything older, as all
  // that do not answer after kStrictLease; at once for other volumes. False: `deadline` came first.
  bool settle(VolumeId volume, Seq seq, Moment deadline);
  // The volume has become strict: returns when every mount of it has, kStrictLease later at most,
  // which the log tells.
  void settle_change(const Volume& volume);
  // Whether settle() may wait.
  bool waits_on(VolumeId volume) { return acks_.is_strict(volume); }
  // unavailable: other servers do not know of this one, so it may not have mounts.
  Status may_have_mounts();

  // A bell rang. False: it is not about strict volumes.
  bool heard(std::string_view payload);

 private:
  struct Asked {
    Uuid writer;
    std::uint64_t question = 0;
    VolumeId volume;
    Seq seq;
    Moment until;  // then nobody waits for the answer any more
  };
  struct Question {
    std::set<Uuid> open;  // servers that have not answered
  };

  void leave(Waiting who);
  Result<std::set<Uuid>> others(Moment deadline);
  // Whether all mounts have come to `seq` in time.
  bool ask(VolumeId volume, Seq seq, Moment until);
  bool await_all(std::uint64_t question, Moment until);
  Status announce(std::chrono::milliseconds stays);
  void run();
  void answer(Moment now);

  const Uuid self_;
  MountAcks& acks_;
  ConnectionPool pool_;
  Mutex mutex_;
  Condition answered_;
  std::map<std::uint64_t, Question> questions_ GUARDED_BY(mutex_);
  std::uint64_t last_question_ GUARDED_BY(mutex_) = 0;
  std::vector<Asked> asked_ GUARDED_BY(mutex_);
  std::map<Waiting, std::size_t> waiting_ GUARDED_BY(mutex_);
  bool announced_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace outboard::server
