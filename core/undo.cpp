#include "core/undo.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/limits.h"

namespace outboard {
namespace {

// A name: whether it led to the node before what is undone, and whether it does now.
struct NameThenAndNow {
  bool then = false;
  bool now = false;
};

// A node that was changed.
struct Touched {
  Seq before;  // as it was behind this seq it is to be again
  std::string path;
  std::map<Dentry, NameThenAndNow> names;
  std::string others;              // who else has changed it since
  bool xattrs = false;             // its extended attributes were changed
  std::optional<Attributes> left;  // by the last change of it; unset: as they were
  std::optional<Node> then;
  std::optional<Node> now;

  void lose(const Dentry& name) {
    names.try_emplace(name, NameThenAndNow{true, false});
    set(name, false);
  }
  void gain(const Dentry& name) {
    names.try_emplace(name, NameThenAndNow{false, true});
    set(name, true);
  }
  std::vector<Dentry> lost() const { return where(true, false); }
  std::vector<Dentry> gained() const { return where(false, true); }
  bool made() const { return !then && now; }
  bool removed() const { return then && !now; }

 private:
  void set(const Dentry& name, bool now_there) { names[name].now = now_there; }
  std::vector<Dentry> where(bool then_there, bool now_there) const {
    std::vector<Dentry> found;
    for (const auto& [name, state] : names) {
      if (state.then == then_there && state.now == now_there) found.push_back(name);
    }
    return found;
  }
};

NameRef ref_of(const Dentry& name) {
  return NameRef{name.parent, name.name};
}

bool is_directory(const std::optional<Node>& node) {
  return node && node->is(Kind::directory);
}

// A plan in the making.
class Planner {
 public:
  Planner(Store& store, const std::function<Call()>& call, VolumeId volume, const UndoQuery& query)
      : store_(store), call_(call), volume_(volume), query_(query) {}

  Result<UndoPlan> plan() {
    if (auto done = query_.as_of ? read_log() : read_own_changes(); !done) return done.error();
    if (auto done = keep_within_path(); !done) return done.error();
    if (auto done = compare(); !done) return done.error();
    if (auto done = leave_others_alone(); !done) return done.error();
    remove_files();
    bring_back_directories();
    rename_back();
    remove_directories();
    bring_back_files();
    rewrite();
    if (auto done = reset_xattrs(); !done) return done.error();
    return std::move(plan_);
  }

 private:
  // Every change that `query` finds, oldest first, page by page.
  Status each_change(HistoryQuery query, const std::function<void(const Change&)>& take) {
    query.newest_first = false;
    query.limit = kPageEntriesMax;
    for (;;) {
      auto page = store_.history(call_(), volume_, query);
      if (!page) return page.error();
      for (const Change& change : page->value) take(change);
      if (page->value.size() < query.limit) return success();
      query.after = page->value.back().seq;
    }
  }

  // What `change` says of `inode`'s names, and of all when none is given.
  void note(const Change& change, std::optional<Inode> only) {
    if (!only || change.node.inode == *only) {
      Touched& touched = touched_[change.node.inode];
      if (!change.path.empty()) touched.path = change.path;
      touched.xattrs = touched.xattrs || change.kind == ChangeKind::xattrs;
      touched.left = change.node.attributes;
      if (change.before) touched.lose(*change.before);
      if (change.after) touched.gain(*change.after);
    }
    if (!change.other || (only && change.other->inode != *only)) return;
    Touched& other = touched_[change.other->inode];
    if (other.path.empty()) other.path = change.path;
    other.lose(*change.after);
    if (change.other->exchanged) other.gain(*change.before);
  }

  Status read_log() {
    HistoryQuery query;
    query.after = *query_.as_of;
    auto read = each_change(query, [this](const Change& change) { note(change, {}); });
    for (auto& [inode, touched] : touched_) touched.before = *query_.as_of;
    return read;
  }

  Status read_own_changes() {
    HistoryQuery query;
    query.session = query_.session;
    query.op = query_.op;
    std::unordered_set<Seq> own;
    std::map<Inode, Seq> first;
    auto read = each_change(query, [&](const Change& change) {
      own.insert(change.seq);
      first.emplace(change.node.inode, change.seq);
      if (change.other) first.emplace(change.other->inode, change.seq);
    });
    if (!read) return read;
    for (const auto& [inode, seq] : first) {
      touched_[inode].before = Seq{seq.value - 1};
      HistoryQuery since;
      since.node = inode;
      since.after = Seq{seq.value - 1};
      auto noted = each_change(since, [&, of = inode](const Change& change) {
        note(change, of);
        if (!own.contains(change.seq)) touched_[of].others = change.origin.principal;
      });
      if (!noted) return noted;
    }
    return success();
  }

  // The numbers of all that stands at and below the path.
  Status collect(const ReadAt& at, std::set<Inode>& within) {
    auto root = store_.attributes(call_(), volume_, query_.path, at);
    if (!root) return root.error().code == Code::not_found ? success() : Status(root.error());
    std::vector<Inode> left{root->value.inode};
    within.insert(root->value.inode);
    if (!root->value.is(Kind::directory)) return success();
    while (!left.empty()) {
      const Inode directory = left.back();
      left.pop_back();
      std::string after;
      do {
        auto page = store_.list(call_(), volume_, directory, after, kPageEntriesMax, at);
        if (!page) return page.error();
        for (const Entry& entry : page->value.entries) {
          within.insert(entry.node.inode);
          if (entry.node.is(Kind::directory)) left.push_back(entry.node.inode);
        }
        after = page->value.next;
      } while (!after.empty());
    }
    return success();
  }

  Status keep_within_path() {
    if (query_.path == "/" || !query_.as_of) return success();
    std::set<Inode> within;
    ReadAt then;
    then.as_of = query_.as_of;
    if (auto done = collect(then, within); !done) return done;
    if (auto done = collect({}, within); !done) return done;
    if (within.empty()) {
      return Error{Code::not_found,
                   "there is nothing at " + query_.path + ", and was nothing as of seq " +
                       to_string(*query_.as_of),
                   query_.path};
    }
    std::erase_if(touched_, [&](const auto& item) { return !within.contains(item.first); });
    return success();
  }

  Result<std::optional<Node>> node_at(Inode inode, const ReadAt& at) {
    auto node = store_.attributes(call_(), volume_, inode, at);
    if (!node && node.error().code != Code::not_found) return node.error();
    if (!node || node->value.removed()) return std::optional<Node>{};
    return std::optional(std::move(node->value));
  }

  Status compare() {
    for (auto& [inode, touched] : touched_) {
      ReadAt then;
      then.as_of = touched.before;
      auto was = node_at(inode, then);
      if (!was) return was.error();
      auto is = node_at(inode, {});
      if (!is) return is.error();
      touched.then = *std::move(was);
      touched.now = *std::move(is);
    }
    return success();
  }

  void conflict(const Touched& touched, std::string why) {
    plan_.conflicts.push_back({touched.path, std::move(why)});
  }

  // Drops what others have changed too, and directories in which something of theirs stands.
  Status leave_others_alone() {
    for (auto at = touched_.begin(); at != touched_.end();) {
      const bool theirs = !at->second.others.empty() && !query_.force;
      if (theirs) conflict(at->second, "changed by " + at->second.others + " since");
      at = theirs ? touched_.erase(at) : std::next(at);
    }
    std::vector<Inode> directories;
    for (const auto& [inode, touched] : touched_) {
      if (touched.made() && is_directory(touched.now)) directories.push_back(inode);
    }
    // Inner ones first: they were made later.
    for (auto inode = directories.rbegin(); inode != directories.rend(); ++inode) {
      auto foreign = name_that_stays(*inode);
      if (!foreign) return foreign.error();
      if (foreign->empty()) continue;
      conflict(touched_[*inode], *foreign + " in it stays");
      touched_.erase(*inode);
    }
    return success();
  }

  Result<std::string> name_that_stays(Inode directory) {
    std::string after;
    do {
      auto page = store_.list(call_(), volume_, directory, after, kPageEntriesMax);
      if (!page) return page.error();
      for (const Entry& entry : page->value.entries) {
        const auto known = touched_.find(entry.node.inode);
        const bool goes =
            known != touched_.end() && (known->second.made() || !known->second.lost().empty());
        if (!goes) return entry.dentry.name;
      }
      after = page->value.next;
    } while (!after.empty());
    return std::string();
  }

  void add(UndoKind kind, const Touched& touched, Op op, Precondition when = {}) {
    plan_.steps.push_back({kind, touched.path, Step{std::move(op), std::move(when)}});
  }

  static Precondition at_version(const Node& node) {
    Precondition when;
    if (node.is(Kind::file)) when.version = node.version;
    return when;
  }

  void remove_files() {
    for (const auto& [inode, touched] : touched_) {
      if (!touched.now || is_directory(touched.now)) continue;
      const std::vector<Dentry> lost = touched.lost();
      std::vector<Dentry> gained = touched.gained();
      // A name that came is the one that went, renamed; the rest are further links.
      const std::size_t renamed = touched.made() ? 0 : std::min(lost.size(), gained.size());
      for (std::size_t i = renamed; i < gained.size(); ++i) {
        add(UndoKind::remove, touched, Unlink{ref_of(gained[i])}, at_version(*touched.now));
      }
    }
  }

  void bring_back_directories() {
    std::set<Inode> done;
    const std::function<void(Inode)> bring = [&](Inode inode) {
      const auto found = touched_.find(inode);
      if (found == touched_.end() || !done.insert(inode).second) return;
      const Touched& touched = found->second;
      if (!touched.removed() || !is_directory(touched.then)) return;
      for (const Dentry& name : touched.lost()) {
        bring(name.parent);
        bring_back(inode, touched, name);
      }
    };
    for (const auto& [inode, touched] : touched_) bring(inode);
  }

  void bring_back(Inode inode, const Touched& touched, const Dentry& name) {
    Restore op;
    op.inode = inode;
    op.version = touched.then->version;
    op.to = ref_of(name);
    Precondition absent;
    absent.absent = true;
    add(UndoKind::bring_back, touched, std::move(op), absent);
  }

  void rename_back() {
    std::map<std::pair<Dentry, Dentry>, bool> moves;  // from, to → done by an exchange
    for (const auto& [inode, touched] : touched_) {
      if (!touched.then || !touched.now) continue;
      const std::vector<Dentry> lost = touched.lost();
      const std::vector<Dentry> gained = touched.gained();
      for (std::size_t i = 0; i < std::min(lost.size(), gained.size()); ++i) {
        moves[{gained[i], lost[i]}] = false;
      }
    }
    for (const auto& [inode, touched] : touched_) {
      if (!touched.then || !touched.now) continue;
      const std::vector<Dentry> lost = touched.lost();
      const std::vector<Dentry> gained = touched.gained();
      for (std::size_t i = 0; i < std::min(lost.size(), gained.size()); ++i) {
        if (moves[{gained[i], lost[i]}]) continue;
        const auto back = moves.find({lost[i], gained[i]});
        const bool exchange = back != moves.end();
        if (exchange) back->second = true;
        add(UndoKind::rename, touched,
            Rename{ref_of(gained[i]),
                   ref_of(lost[i]),
                   exchange ? RenameMode::exchange : RenameMode::no_replace,
                   {}});
      }
    }
  }

  void remove_directories() {
    for (auto item = touched_.rbegin(); item != touched_.rend(); ++item) {
      const Touched& touched = item->second;
      if (!touched.made() || !is_directory(touched.now)) continue;
      for (const Dentry& name : touched.gained()) {
        add(UndoKind::remove, touched, RemoveDirectory{ref_of(name), false});
      }
    }
  }

  void bring_back_files() {
    for (const auto& [inode, touched] : touched_) {
      if (!touched.then || is_directory(touched.then)) continue;
      const std::vector<Dentry> lost = touched.lost();
      const std::size_t renamed = touched.now ? std::min(lost.size(), touched.gained().size()) : 0;
      for (std::size_t i = renamed; i < lost.size(); ++i) {
        if (i == 0 && !touched.now) {
          bring_back(inode, touched, lost[i]);
        } else {
          add(UndoKind::bring_back, touched, MakeLink{inode, ref_of(lost[i])});
        }
      }
    }
  }

  // What was removed stands again by then, with the attributes that it had when it went.
  void rewrite() {
    for (const auto& [inode, touched] : touched_) {
      if (!touched.then) continue;
      const Node& then = *touched.then;
      if (touched.now) rewrite_content(inode, touched, then, *touched.now);
      const Attributes& was = then.attributes;
      const Attributes& is = touched.now ? touched.now->attributes : touched.left.value_or(was);
      if (was.mode == is.mode && was.uid == is.uid && was.gid == is.gid) continue;
      SetAttributes op;
      op.node = inode;
      op.mode = was.mode;
      op.uid = was.uid;
      op.gid = was.gid;
      add(UndoKind::attributes, touched, std::move(op));
    }
  }

  void rewrite_content(Inode inode, const Touched& touched, const Node& then, const Node& now) {
    const bool same = then.version == now.version || (then.digest && then.digest == now.digest);
    if (!then.is(Kind::file) || same) return;
    Restore op;
    op.inode = inode;
    op.version = then.version;
    add(UndoKind::content, touched, std::move(op), at_version(now));
  }

  // Last: what was removed stands again by then, with the attributes that it had when it went.
  Status reset_xattrs() {
    for (const auto& [inode, touched] : touched_) {
      if (!touched.then || !touched.xattrs) continue;
      ReadAt at;
      at.as_of = touched.before;
      auto then = store_.xattrs(call_(), volume_, inode, at);
      if (!then && then.error().code == Code::history_gone) {
        conflict(touched, "its extended attributes of then are no longer kept");
        continue;
      }
      if (!then) return then.error();
      auto now = store_.xattrs(call_(), volume_, inode);
      if (!now) return now.error();
      add_xattrs(inode, touched, then->value, now->value);
    }
    return success();
  }

  // What goes and what shrinks comes first: no node has more at any time than then or now.
  void add_xattrs(Inode inode, const Touched& touched, const Xattrs& then, const Xattrs& now) {
    std::multimap<std::ptrdiff_t, Op> ops;
    for (const auto& [name, value] : now) {
      if (!then.contains(name)) ops.emplace(-std::ssize(name + value), RemoveXattr{inode, name});
    }
    for (const auto& [name, value] : then) {
      const auto is = now.find(name);
      const bool there = is != now.end();
      if (there && is->second == value) continue;
      const std::ptrdiff_t had = there ? std::ssize(is->second) : -std::ssize(name);
      ops.emplace(std::ssize(value) - had,
                  SetXattr{inode, name, value, there ? XattrMode::replace : XattrMode::create});
    }
    for (auto& [growth, op] : ops) add(UndoKind::xattrs, touched, std::move(op));
  }

  Store& store_;
  const std::function<Call()>& call_;
  const VolumeId volume_;
  const UndoQuery& query_;
  std::map<Inode, Touched> touched_;
  UndoPlan plan_;
};

}  // namespace

std::string_view name_of(UndoKind kind) {
  switch (kind) {
    case UndoKind::remove: return "remove";
    case UndoKind::bring_back: return "bring back";
    case UndoKind::rename: return "rename back";
    case UndoKind::content: return "rewrite";
    case UndoKind::attributes: return "set mode";
    case UndoKind::xattrs: return "set attribute";
  }
  return "change";
}

Result<UndoPlan> plan_undo(Store& store, const std::function<Call()>& call, VolumeId volume,
                           const UndoQuery& query) {
  return Planner(store, call, volume, query).plan();
}

// Times rise with seqs as far as anybody can tell: both are given under the volume's lock.
Result<Seq> seq_at(Store& store, const std::function<Call()>& call, VolumeId volume,
                   Timestamp time) {
  auto described = store.describe(call(), volume);
  if (!described) return described.error();
  std::uint64_t low = described->pruned.value;  // its change is at or before `time`, or gone
  std::uint64_t high = described->head.value;
  while (low < high) {
    const std::uint64_t middle = low + (high - low + 1) / 2;
    HistoryQuery query;
    query.before = Seq{middle + 1};
    query.limit = 1;
    auto change = store.history(call(), volume, query);
    if (!change) return change.error();
    const bool later =
        !change->value.empty() && change->value.front().at.nanoseconds > time.nanoseconds;
    if (later) {
      high = middle - 1;
    } else {
      low = middle;
    }
  }
  return Seq{low};
}

}  // namespace outboard
