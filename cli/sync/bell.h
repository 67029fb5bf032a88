// Bell: a feed's queue that can be waited for together with descriptors. offer() from any thread,
// the rest from one.
#pragma once

#include <memory>

#include "cli/sync/folder.h"
#include "core/feed.h"

namespace outboard::sync {

class Bell final : public FeedSink {
 public:
  Bell();
  bool offer(const std::shared_ptr<const FeedItem>& item) override;
  std::shared_ptr<const FeedItem> next(Moment until) { return queue_.next(until); }
  // Ends a wait, here and for the descriptor.
  void ring();
  int fd() const { return fd_.get(); }
  void silence();

 private:
  FeedQueue queue_;
  Fd fd_;
};

}  // namespace outboard::sync
