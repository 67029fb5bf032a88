// Seat: a mounted volume without a kernel: an Invalidator that only remembers, and no threads: the
// feed is pumped by hand, so every order of events can be had.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/feed.h"
#include "core/store.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

class Remembering final : public Invalidator {
 public:
  void post(std::vector<Notice> notices) override {
    for (Notice& notice : notices) {
      if (notice.delivered) notice.delivered->store(true);
      seen.push_back(std::move(notice));
    }
  }
  bool flushed(Moment) override { return arrives; }
  bool has_room(Moment) override { return true; }
  bool forget_names() override {
    ++forgets;
    return has_epochs;
  }

  std::size_t count(NoticeKind kind) const {
    std::size_t found = 0;
    for (const Notice& notice : seen) found += notice.kind == kind ? 1U : 0U;
    return found;
  }

  std::vector<Notice> seen;
  bool arrives = true;
  bool has_epochs = true;
  int forgets = 0;
};

// Keeps what the feed tells until the test pumps it.
class HeldFeed final : public FeedSink {
 public:
  bool offer(const std::shared_ptr<const FeedItem>& item) override {
    items.push_back(item);
    return true;
  }
  std::vector<std::shared_ptr<const FeedItem>> items;
};

// One volume as one mount sees it.
class Seat {
 public:
  Seat(Store& store, const Clock& clock, std::string_view name = "acme/memory",
       const View& view = {})
      : numbers_(ClientId{random_uuid()}), sink_(std::make_shared<HeldFeed>()) {
    volume_ =
        MountedVolume::open(store, numbers_, notices, clock, name, view, Moment::max()).value();
    subscription_ = store.subscribe(Call{}, volume_->volume().id, volume_->seq(), sink_).value();
  }

  MountedVolume* operator->() { return volume_.get(); }
  // Everything the feed has told so far.
  void pump() {
    for (; pumped_ < sink_->items.size(); ++pumped_) volume_->absorb_feed(*sink_->items[pumped_]);
  }
  void save(std::string_view name, std::string_view bytes, bool append = false) {
    OpenMode mode{true, true, append, !append};
    auto made = volume_->create(kRootId, name, 0644, mode, false, {}).value();
    if (!append) {
      volume_->release(made.second.handle);
      made.second = volume_->open_file(made.first.id, mode).value();
    }
    ASSERT_TRUE(volume_->write(made.second.handle, 0, bytes, append));
    ASSERT_TRUE(volume_->flush(made.second.handle));
    volume_->release(made.second.handle);
  }
  std::string load(NodeId id) { return volume_->read(id, 0, 1U << 20U).value(); }
  NodeId id(std::string_view name) { return volume_->lookup(kRootId, name).value().id; }

  Remembering notices;

 private:
  RequestNumbers numbers_;
  std::shared_ptr<HeldFeed> sink_;
  std::unique_ptr<MountedVolume> volume_;
  std::unique_ptr<Subscription> subscription_;
  std::size_t pumped_ = 0;
};

}  // namespace outboard::fusefs
