#include "server/sight.h"

#include <algorithm>

namespace outboard::server {
namespace {

bool in_view(const Scope& scope, const std::string& path) {
  return scope.at(path) >= Right::read;
}

// The first of these paths that is in view.
const std::string* visible(const Scope& scope, const std::vector<std::string>& paths) {
  const auto found = std::find_if(paths.begin(), paths.end(),
                                  [&](const std::string& path) { return in_view(scope, path); });
  return found == paths.end() ? nullptr : &*found;
}

// The node's other names; of a rename without the path it had before.
std::vector<std::string> other_names(const Change& change) {
  const bool moved = change.kind == ChangeKind::rename && !change.also.empty();
  return {change.also.begin() + (moved ? 1 : 0), change.also.end()};
}

// Whether all names of the node are known: those it has, less the one in `path` when it stands.
bool names_known(const Change& change, bool path_stands) {
  if (change.node.is(Kind::directory)) return true;
  return other_names(change).size() + (path_stands ? 1 : 0) >= change.node.attributes.links;
}

Seen shown(Change change) {
  change.also.clear();
  return {std::move(change), false};
}

// Only the node is news: a name that is hidden came or went.
Seen node_only(const Change& change, const std::string& path) {
  Change seen = change;
  seen.kind = ChangeKind::attributes;
  seen.before.reset();
  seen.after.reset();
  seen.other.reset();
  seen.path = path;
  return shown(std::move(seen));
}

// Nothing of it is in view by the names it is known by.
Seen hidden(const Change& change, bool path_stands) {
  return {std::nullopt, !change.node.removed() && !names_known(change, path_stands)};
}

Seen seen_way(const Change& change) {
  Change seen = change;
  seen.node = masked(std::move(seen.node));
  return shown(std::move(seen));
}

// create, link, unlink.
Seen seen_name(const Scope& scope, const Change& change) {
  const bool stands = change.kind != ChangeKind::unlink;
  const Right right = scope.at(change.path);
  const auto others = other_names(change);
  const std::string* other = visible(scope, others);
  if (right >= Right::read) {
    Change seen = change;
    // For this caller the node has gone with its last visible name.
    if (!stands && other == nullptr && names_known(change, false)) seen.node.attributes.links = 0;
    return shown(std::move(seen));
  }
  if (right == Right::walk && change.node.is(Kind::directory)) return seen_way(change);
  if (other != nullptr) return node_only(change, *other);
  return hidden(change, stands);
}

// It came into view: for this caller it is made.
Seen seen_arrival(const Change& change) {
  if (change.node.is(Kind::directory)) return {std::nullopt, true};
  Change seen = change;
  seen.kind = ChangeKind::create;
  seen.before.reset();
  return shown(std::move(seen));
}

// It left: for this caller it is removed.
Seen seen_leaving(const Scope& scope, const Change& change, const std::string& old_path) {
  if (change.node.is(Kind::directory)) return {std::nullopt, true};
  Change seen = change;
  seen.kind = ChangeKind::unlink;
  seen.after.reset();
  seen.other.reset();
  seen.path = old_path;
  const bool gone = visible(scope, other_names(change)) == nullptr && names_known(change, true);
  if (gone) seen.node.attributes.links = 0;
  return shown(std::move(seen));
}

Seen seen_rename(const Scope& scope, const Change& change) {
  const bool directory = change.node.is(Kind::directory);
  const Right to = scope.at(change.path);
  if (change.also.empty()) return {std::nullopt, true};  // written without its old path
  const Right from = scope.at(change.also.front());
  if (from >= Right::read && to >= Right::read) return shown(change);
  const bool exchanged = change.other && change.other->exchanged;
  const bool touches = from != Right::none || to != Right::none;
  if (touches && exchanged) return {std::nullopt, true};
  // A directory on the way moves all that is in view below it.
  if (directory && (from == Right::walk || to == Right::walk)) return {std::nullopt, true};
  if (to >= Right::read) return seen_arrival(change);
  if (from >= Right::read) return seen_leaving(scope, change, change.also.front());
  // A directory on the way may have been replaced by it, empty as it was: nothing in view went.
  if (to == Right::walk && change.other) return {std::nullopt, true};
  const auto others = other_names(change);
  if (const std::string* other = visible(scope, others)) return node_only(change, *other);
  return hidden(change, true);
}

Seen seen_node(const Scope& scope, const Change& change) {
  if (in_view(scope, change.path)) return shown(change);
  const auto others = other_names(change);
  const std::string* other = visible(scope, others);
  if (other == nullptr) return hidden(change, true);
  Change seen = change;
  seen.path = *other;
  return shown(std::move(seen));
}

}  // namespace

Right best_right(const Scope& scope, const std::vector<std::string>& paths, bool directory) {
  Right best = Right::none;
  for (const std::string& path : paths) {
    const Right right = scope.at(path);
    if (right == Right::walk && !directory) continue;
    best = std::max(best, right);
  }
  return best;
}

Node masked(Node node) {
  Attributes& attributes = node.attributes;
  attributes.links = node.removed() ? 0 : 2;
  attributes.accessed = Timestamp{};
  attributes.modified = Timestamp{};
  attributes.changed = Timestamp{};
  node.xattr_bytes = 0;
  return node;
}

Seen seen_of(const Scope& scope, const Change& change) {
  switch (change.kind) {
    case ChangeKind::create:
    case ChangeKind::link:
    case ChangeKind::unlink: return seen_name(scope, change);
    case ChangeKind::rename: return seen_rename(scope, change);
    case ChangeKind::write:
    case ChangeKind::append:
    case ChangeKind::attributes:
    case ChangeKind::xattrs: return seen_node(scope, change);
  }
  CHECK(false);
}

// What has gathered of visible changes, then, if it ends before `upto`, a mark.
bool ScopedSink::pass(const FeedItem& from, std::vector<Change>& run, Seq upto) {
  if (!run.empty()) {
    auto item = std::make_shared<FeedItem>();
    item->volume = from.volume;
    item->upto = run.back().seq;
    item->changes = std::exchange(run, {});
    const bool all = item->upto == upto;
    if (!sink_->offer(item)) return false;
    if (all) return true;
  }
  auto mark = std::make_shared<FeedItem>();
  mark->volume = from.volume;
  mark->upto = upto;
  return sink_->offer(mark);
}

bool ScopedSink::offer(const std::shared_ptr<const FeedItem>& item) {
  if (ended_) return true;
  if (item->changes.empty()) return sink_->offer(item);
  std::vector<Change> run;
  Seq passed{item->changes.front().seq.value - 1};  // by the sink
  for (const Change& change : item->changes) {
    Seen seen = seen_of(scope_, change);
    if (seen.reload) {
      ended_ = true;
      if (!run.empty() && !pass(*item, run, run.back().seq)) return false;
      auto end = std::make_shared<FeedItem>();
      end->volume = item->volume;
      end->upto = Seq{change.seq.value - 1};
      end->end = FeedEnd::history_gone;
      return sink_->offer(end);
    }
    if (!seen.change) continue;
    const Seq expected{run.empty() ? passed.value + 1 : run.back().seq.value + 1};
    if (change.seq != expected) {
      const Seq before{change.seq.value - 1};
      if (!pass(*item, run, before)) return false;
      passed = before;
    }
    run.push_back(*std::move(seen.change));
  }
  if (!pass(*item, run, item->changes.back().seq)) return false;
  if (!item->end) return true;
  auto end = std::make_shared<FeedItem>();
  end->volume = item->volume;
  end->upto = item->upto;
  end->end = item->end;
  return sink_->offer(end);
}

}  // namespace outboard::server
