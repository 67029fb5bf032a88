#include "server/rpc/outbox.h"

#include <algorithm>

#include "core/limits.h"
#include "proto/convert.h"
#include "proto/status.h"

namespace outboard::server {

bool Outbox::open(std::uint64_t subscription, VolumeId volume) {
  Line line;
  line.volume = volume;
  return lines_.emplace(subscription, std::move(line)).second;
}

void Outbox::make_ready(std::uint64_t subscription, Line& line) {
  if (line.ready) return;
  line.ready = true;
  ready_.push_back(subscription);
}

void Outbox::confirm(std::uint64_t subscription) {
  const auto found = lines_.find(subscription);
  if (found == lines_.end()) return;
  found->second.confirmed = true;
  found->second.confirm = true;
  make_ready(subscription, found->second);
}

// Ends and marks take no room; an empty line takes any item, as FeedQueue does.
bool Outbox::offer(std::uint64_t subscription, const std::shared_ptr<const FeedItem>& item) {
  const auto found = lines_.find(subscription);
  if (found == lines_.end() || found->second.end) return true;
  Line& line = found->second;
  const std::size_t size = item->changes.size();
  if (size > 0 && line.changes > 0 && line.changes + size > kWatcherQueueChanges) {
    line.end = FeedEnd::too_slow;
    return false;
  }
  // A newer mark says all that an older one did, or takes it over.
  const auto& back = line.items.empty() ? nullptr : line.items.back();
  if (size == 0 && !item->end && back != nullptr && back->changes.empty() && !back->end) {
    if (item->strict || !back->strict) {
      line.items.back() = item;
      return true;
    }
    auto both = std::make_shared<FeedItem>(*item);
    both->strict = back->strict;
    line.items.back() = std::move(both);
    return true;
  }
  line.changes += size;
  line.items.push_back(item);
  if (line.confirmed) make_ready(subscription, line);
  return true;
}

void Outbox::end(std::uint64_t subscription, FeedEnd reason, std::optional<Error> error) {
  const auto found = lines_.find(subscription);
  if (found == lines_.end() || found->second.end) return;
  Line& line = found->second;
  line.items.clear();
  line.changes = 0;
  line.taken = 0;
  line.confirm = false;
  line.end = reason;
  if (error) line.error = std::make_unique<Error>(*std::move(error));
  make_ready(subscription, line);
}

void Outbox::end_all(FeedEnd reason) {
  for (auto& [subscription, line] : lines_) end(subscription, reason);
}

void Outbox::clear() {
  lines_.clear();
  ready_.clear();
}

std::optional<VolumeId> Outbox::volume_of(std::uint64_t subscription) const {
  const auto found = lines_.find(subscription);
  if (found == lines_.end()) return std::nullopt;
  return found->second.volume;
}

// Whole items and parts of items, up to one message's worth.
void Outbox::take_changes(Line& line, Parcel& parcel) {
  std::size_t room = kWatchMessageChanges;
  while (room > 0 && !line.items.empty()) {
    const auto item = line.items.front();
    const std::size_t left = item->changes.size() - line.taken;
    if (left == 0) break;  // a mark, or the end that follows an item's changes
    const std::size_t size = std::min(room, left);
    parcel.slices.push_back({item, line.taken, line.taken + size});
    line.taken += size;
    line.changes -= size;
    room -= size;
    parcel.more = line.taken < item->changes.size();
    if (line.taken < item->changes.size() || item->end) break;
    line.items.pop_front();
    line.taken = 0;
  }
}

std::optional<Parcel> Outbox::take() {
  if (frozen_) {
    Parcel parcel;
    parcel.frozen = std::exchange(frozen_, std::nullopt);
    return parcel;
  }
  if (ready_.empty()) return std::nullopt;
  const std::uint64_t subscription = ready_.front();
  ready_.pop_front();
  const auto found = lines_.find(subscription);
  Line& line = found->second;
  line.ready = false;
  Parcel parcel;
  parcel.subscription = subscription;
  parcel.volume = line.volume;
  if (line.confirm) {
    line.confirm = false;
    parcel.subscribed = true;
  } else if (!line.items.empty()) {
    take_changes(line, parcel);
    if (parcel.slices.empty()) {
      const auto item = line.items.front();
      line.items.pop_front();
      line.taken = 0;
      if (item->end) {
        line.end = item->end;
      } else {
        parcel.mark = item->upto;
        parcel.strict = item->strict;
      }
    }
  }
  const bool bare = !parcel.subscribed && parcel.slices.empty() && !parcel.mark;
  if (bare && line.end) {
    parcel.end = line.end;
    if (line.error) parcel.error = std::move(*line.error);
    lines_.erase(found);
    return parcel;
  }
  if (!line.items.empty() || line.end) make_ready(subscription, line);
  return parcel;
}

void write(const Parcel& parcel, v1::WatchResponse* to) {
  to->Clear();
  const auto name = [&parcel](auto* message) {
    message->set_subscription(parcel.subscription);
    message->set_volume(parcel.volume.value);
    return message;
  };
  if (parcel.frozen) {
    to->mutable_state()->set_state(*parcel.frozen ? v1::WATCHER_STATE_FROZEN
                                                  : v1::WATCHER_STATE_LIVE);
  } else if (parcel.subscribed) {
    name(to->mutable_subscribed());
  } else if (!parcel.slices.empty()) {
    auto* changes = name(to->mutable_changes());
    changes->set_more(parcel.more);
    for (const FeedSlice& slice : parcel.slices) {
      for (std::size_t i = slice.begin; i < slice.end; ++i) {
        wire::write(slice.item->changes[i], changes->add_changes());
      }
    }
  } else if (parcel.mark) {
    auto* progress = name(to->mutable_progress());
    progress->set_upto(parcel.mark->value);
    if (parcel.strict) progress->set_strict(*parcel.strict);
  } else if (parcel.end) {
    auto* ended = name(to->mutable_ended());
    ended->set_reason(wire::write(*parcel.end));
    if (parcel.error) wire::write(*parcel.error, ended->mutable_error());
  }
}

}  // namespace outboard::server
