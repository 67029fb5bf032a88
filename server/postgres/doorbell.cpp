#include "server/postgres/doorbell.h"

#include <pthread.h>

#include <algorithm>

#include "core/limits.h"

namespace outboard::server {
namespace {

constexpr Sql kNotify{"doorbell_notify",
                      "SELECT pg_notify('outboard', volume || ':' || seq) "
                      "FROM unnest($1::bigint[], $2::bigint[]) AS t(volume, seq)"};

Moment soon() {
  return std::chrono::steady_clock::now() + kReadDeadline;
}

}  // namespace

Doorbell::Doorbell(std::string url) : url_(std::move(url)), thread_([this] { run(); }) {}

Doorbell::~Doorbell() {
  {
    Lock lock(mutex_);
    stopping_ = true;
  }
  rung_.notify_all();
  thread_.join();
}

void Doorbell::ring(VolumeId volume, Seq seq) {
  {
    Lock lock(mutex_);
    Seq& waiting = waiting_[volume];
    waiting = std::max(waiting, seq);
  }
  rung_.notify_one();
}

bool Doorbell::tell(const Seqs& seqs) {
  if (!connection_ || connection_->broken()) {
    auto opened = Connection::open(
        url_, soon(), {"synchronous_commit=off", "application_name=outboard-doorbell"});
    if (!opened) return false;
    connection_ = *std::move(opened);
  }
  Column volumes(Column::Type::int8);
  Column upto(Column::Type::int8);
  for (const auto& [volume, seq] : seqs) {
    volumes.add(volume.value);
    upto.add(seq.value);
  }
  return bool(connection_->run(kNotify, Params().array(volumes).array(upto), soon()));
}

void Doorbell::run() {
  pthread_setname_np(pthread_self(), "doorbell");
  for (;;) {
    Seqs seqs;
    {
      Lock lock(mutex_);
      while (waiting_.empty() && !stopping_) rung_.wait(mutex_);
      if (waiting_.empty()) return;
      seqs.swap(waiting_);
    }
    // Once more, over a new connection; after that the others' own look has to do.
    if (!tell(seqs)) static_cast<void>(tell(seqs));
  }
}

}  // namespace outboard::server
