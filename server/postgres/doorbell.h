// Doorbell: tells other servers that volumes have moved on, once their commits are done.
//
// PgCommit → ring() → one NOTIFY outboard, 'volume:seq' for each volume that moved, all in one
// transaction, from a thread of its own → the other servers' Listener.
//
// Not in the commit itself: Postgres lets only one transaction that notifies commit at a time, in
// all its databases, and a commit waits for the disk. Here nobody waits for the disk. [D23]
//
// What always holds: it is a hint. One that is lost with this process, or with its connection, is
// made up for by the other servers' own look (kProgressInterval). Any thread may ring.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <thread>

#include "core/guarded.h"
#include "core/ids.h"
#include "server/postgres/connection.h"

namespace outboard::server {

class Doorbell {
 public:
  explicit Doorbell(std::string url);
  // Rings what is still to be rung, if the database answers.
  ~Doorbell();
  Doorbell(const Doorbell&) = delete;
  Doorbell& operator=(const Doorbell&) = delete;

  // The volume has reached `seq`. Never blocks.
  void ring(VolumeId volume, Seq seq);

 private:
  using Seqs = std::map<VolumeId, Seq>;

  void run();
  // False: the connection is no good; nothing of it was heard, or all.
  bool tell(const Seqs& seqs);

  const std::string url_;
  Mutex mutex_;
  Condition rung_;
  Seqs waiting_ GUARDED_BY(mutex_);  // one for each volume, so as many as there are volumes
  bool stopping_ GUARDED_BY(mutex_) = false;
  std::unique_ptr<Connection> connection_;  // the thread's
  std::thread thread_;
};

}  // namespace outboard::server
