// Sight: what a caller who sees a part of a volume sees of nodes, changes and the feed. Pure.
//
// Access asks it for every answer to such a caller. Names and paths are told as long as they are
// within the caller's scope; what crosses its border looks like a creation or a removal.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/change.h"
#include "core/entry.h"
#include "core/feed.h"
#include "core/scope.h"

namespace outboard::server {

// The most that the scope allows by any of the node's paths. On the way there are only directories:
// anything else there is hidden.
Right best_right(const Scope& scope, const std::vector<std::string>& paths, bool directory);

// A directory on the way: without what tells of the hidden things in it.
Node masked(Node node);

// A change as the scope shows it.
struct Seen {
  std::optional<Change> change;  // none: nothing of it is to be seen
  bool reload = false;           // it brought a whole tree in or out of view, or nobody can tell:
                                 // who follows takes a snapshot
};
Seen seen_of(const Scope& scope, const Change& change);

// Stands between a feed and a subscriber with a scope: what is hidden becomes a mark, so that seqs
// reach the subscriber without a gap that it would have to ask about.
class ScopedSink final : public FeedSink {
 public:
  ScopedSink(Scope scope, std::shared_ptr<FeedSink> sink)
      : scope_(std::move(scope)), sink_(std::move(sink)) {}

  bool offer(const std::shared_ptr<const FeedItem>& item) override;
  bool shows() const override { return sink_->shows(); }
  bool remembers() const override { return sink_->remembers(); }

 private:
  bool pass(const FeedItem& from, std::vector<Change>& run, Seq upto);

  const Scope scope_;
  const std::shared_ptr<FeedSink> sink_;
  bool ended_ = false;  // it must take a snapshot; used under the feed's lock for this subscriber
};

}  // namespace outboard::server
