#include "core/feed.h"

#include <utility>

#include "core/check.h"

namespace outboard {

std::string_view name_of(FeedEnd end) {
  switch (end) {
    case FeedEnd::closed: return "closed";
    case FeedEnd::history_gone: return "history_gone";
    case FeedEnd::too_slow: return "too_slow";
    case FeedEnd::access_revoked: return "access_revoked";
    case FeedEnd::volume_gone: return "volume_gone";
    case FeedEnd::server_stopping: return "server_stopping";
    case FeedEnd::connection_lost: return "connection_lost";
  }
  CHECK(false);
}

// An end and a mark take no room, so the last item always fits; and an empty queue takes any item,
// so that a subscriber makes progress however large one batch was.
bool FeedQueue::offer(const std::shared_ptr<const FeedItem>& item) {
  const Lock lock(mutex_);
  const std::size_t size = item->changes.size();
  if (size > 0 && changes_ > 0 && changes_ + size > changes_max_) return false;
  changes_ += size;
  items_.push_back(item);
  arrived_.notify_one();
  return true;
}

std::shared_ptr<const FeedItem> FeedQueue::next(Moment until) {
  const Lock lock(mutex_);
  while (items_.empty() && !woken_) {
    if (!arrived_.wait_until(mutex_, until)) break;
  }
  if (items_.empty()) {
    woken_ = false;
    return nullptr;
  }
  auto item = std::move(items_.front());
  items_.pop_front();
  changes_ -= item->changes.size();
  return item;
}

void FeedQueue::wake() {
  const Lock lock(mutex_);
  woken_ = true;
  arrived_.notify_all();
}

}  // namespace outboard
