#include "server/shared_reads.h"

#include <algorithm>

#include "core/check.h"

namespace outboard::server {

Moment SharedReads::Read::until() const {
  const Lock lock(mutex_);
  return until_;
}

void SharedReads::Read::extend(Moment deadline) {
  const Lock lock(mutex_);
  until_ = std::max(until_, deadline);
}

void SharedReads::Read::finish(Result<Entries> result) {
  const Lock lock(mutex_);
  CHECK(!result_);
  result_ = std::move(result);
  ended_.notify_all();
}

Result<SharedReads::Entries> SharedReads::Read::wait(Moment deadline) {
  const Lock lock(mutex_);
  while (!result_) {
    if (ended_.wait_until(mutex_, deadline) || result_) continue;
    return Error{Code::timed_out, "another request is reading the same tree, and was not done"};
  }
  return *result_;
}

SharedReads::Joined SharedReads::join(VolumeId volume, Seq seq, Moment deadline) {
  return reads_.with([&](auto& reads) {
    auto& read = reads[{volume, seq}];
    const bool first = read == nullptr;
    if (first) read = std::make_shared<Read>();
    read->extend(deadline);
    return Joined{read, first};
  });
}

void SharedReads::end(VolumeId volume, Seq seq, Result<Entries> result) {
  auto read = reads_.with([&](auto& reads) {
    const auto found = reads.find({volume, seq});
    CHECK(found != reads.end());
    auto ended = std::move(found->second);
    reads.erase(found);
    return ended;
  });
  read->finish(std::move(result));
}

}  // namespace outboard::server
