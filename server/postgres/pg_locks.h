// PgLocks: locks of files across mounts and servers: tries them, keeps who waits, and their leases.
//
// store.lock() → one try on the caller's thread → an answer, or a place in the queue. A bell (an
// unlock here, or a NOTIFY of another server) → the thread "lock-queue" looks who has a turn, and
// tries those. Nobody's thread waits for a lock. "lock-lease" says every kLockRenewInterval which
// clients have a subscription here. [S36]
//
// What always holds: `done` is called once for each lock(), by its deadline; a lock that is granted
// is in the rows.
//
// Any thread may call. One lock, a leaf: neither the database nor `done` is called under it.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/guarded.h"
#include "core/limits.h"
#include "core/store.h"
#include "server/postgres/connection_pool.h"
#include "server/postgres/lock_rows.h"

namespace outboard::server {

class PgLocks {
 public:
  PgLocks(const std::string& url, std::chrono::milliseconds grace = kLockGrace);
  // Who still waits hears `unavailable`.
  ~PgLocks();
  PgLocks(const PgLocks&) = delete;
  PgLocks& operator=(const PgLocks&) = delete;

  void lock(const Call& call, VolumeId volume, const LockQuery& query, LockDone done);

  // The caller's client has a subscription here, until detach(). A nil client is nobody's.
  void attach(const Caller& caller);
  void detach(const ClientId& client);

  // A bell rang. False: it is not about locks.
  bool heard(std::string_view payload);
  // Bells may have been lost.
  void doubt();

 private:
  struct Waiter {
    WantedLock wanted;
    LockDone done;
  };
  using WaiterPtr = std::shared_ptr<Waiter>;
  struct Client {
    std::size_t subscriptions = 0;
    std::string principal;
    std::uint64_t token = 0;
  };

  // While it lives its owner's lock in a file is being asked for.
  class Trying {
   public:
    Trying(PgLocks& locks, const LockFile& file, const LockOwner& owner);
    ~Trying();
    Trying(const Trying&) = delete;
    Trying& operator=(const Trying&) = delete;

   private:
    PgLocks& locks_;
    const LockFile file_;
    const LockOwner owner_;
  };

  void park(WantedLock wanted, LockDone done);
  // The waiter at a place, taken out; nothing: somebody else has it.
  WaiterPtr take(const LockFile& file, LockPlace place);
  // Ends what the owner waits for in the file. False: somebody still tries for it at the deadline.
  bool take_back(const LockFile& file, const LockOwner& owner, Moment deadline);
  void ring(const LockFile& file);

  void run_queue();
  void advance(const LockFile& file, bool thorough);
  void try_again(const LockFile& file, LockPlace place);
  void end_late(Moment now);
  void look_around();
  Moment next_deadline() REQUIRES_LOCK(mutex_);

  void run_leases();
  void renew();

  const std::chrono::milliseconds grace_;
  ConnectionPool pool_;
  Mutex mutex_;
  Condition rung_bell_;  // for "lock-queue"
  Condition came_;       // for "lock-lease"
  Condition tried_;      // for who takes back
  std::map<LockFile, std::map<LockPlace, WaiterPtr>> waiting_ GUARDED_BY(mutex_);
  std::size_t waiters_ GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<LockFile, LockOwner>> trying_ GUARDED_BY(mutex_);
  std::set<LockFile> rung_ GUARDED_BY(mutex_);
  std::map<ClientId, Client> clients_ GUARDED_BY(mutex_);
  bool doubtful_ GUARDED_BY(mutex_) = false;
  bool renew_now_ GUARDED_BY(mutex_) = false;
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::thread queue_thread_;
  std::thread lease_thread_;
};

}  // namespace outboard::server
