// Sending: what changed here becomes steps on the versions that it was made from, in batches, and
// each answer says what both sides have in common from then on.
#include <algorithm>
#include <tuple>
#include <utility>

#include "cli/sync/sync.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::sync {
namespace {

// One transaction of a fifth of a second; a refusal is found in nine halvings.
constexpr std::size_t kStepsAtOnce = 512;
constexpr std::size_t kMarkSize = 32;
// Of a path that the volume says has changed, until that is said of it.
constexpr unsigned kTriesMax = 5;

bool is_in_doubt(const Error& error) {
  return error.code == Code::unavailable || error.code == Code::timed_out;
}

std::uint32_t mode_of(const Local& local) {
  const bool runs = local.found.kind == Kind::directory || local.found.executable;
  return runs ? 0755 : 0644;
}

std::uint32_t with_execute(std::uint32_t mode, bool executable) {
  return executable ? mode | ((mode & 0444U) >> 2U) : mode & ~0111U;
}

bool is_new(const Sides& sides) {
  return sides.local && !sides.base && !sides.remote;
}

}  // namespace

// ── Moves ────────────────────────────────────────────────────────────────────────────────────────

bool FolderSync::is_moved_directory(const std::string& from, const std::string& to) const {
  bool moved = true;
  bool asked = false;
  state_.each_within(from, [&](const std::string& path, const Record& record) {
    if (asked || path == from || record.kind == Kind::directory) return;
    asked = true;  // of the first file: numbers of removed directories are used again
    auto found = folder_.look(to + path.substr(from.size()));
    moved = found && *found && (*found)->stamp.inode == record.stamp.inode;
  });
  return moved;
}

namespace {

bool is_below(std::string_view path, const std::set<std::string, std::less<>>& directories) {
  for (; path != "/"; path = split_last(path).first) {
    if (directories.contains(path)) return true;
  }
  return false;
}

}  // namespace

// The outermost ones: what was moved within them is seen when they are there.
Result<bool> FolderSync::send_moves(const std::vector<Work>& work) {
  std::map<std::uint64_t, std::string> gone;
  for (const Work& one : work) {
    if (one.verdict != Verdict::remove_there || one.sides.base->kind != Kind::directory) continue;
    gone.emplace(one.sides.base->stamp.inode, one.path);
  }
  std::set<std::string, std::less<>> moved;
  std::vector<Sending> sendings;
  for (const Work& one : work) {
    const bool fresh = one.verdict == Verdict::send && is_new(one.sides) &&
                       one.sides.local->found.kind == Kind::directory;
    if (!fresh || unmovable_.contains(one.path) || is_below(one.path, moved)) continue;
    const auto from = gone.find(one.sides.local->found.stamp.inode);
    if (from == gone.end() || is_below(from->second, moved)) continue;
    if (!is_moved_directory(from->second, one.path)) continue;
    moved.insert(one.path);
    moved.insert(from->second);
    if (auto added = add(sendings, move_of(from->second, one)); !added) return added.error();
  }
  if (auto sent = flush(sendings); !sent) return sent.error();
  return !moved.empty();
}

FolderSync::Sending FolderSync::move_of(const std::string& from, Work to) const {
  Sending sending;
  const auto [parent, name] = split_last(to.path);
  const auto [old_parent, old_name] = split_last(from);
  if (tree_.at(parent) == nullptr) sending.steps.push_back(make_directory(parent));
  Rename rename;
  rename.from = {tree_.volume_path(old_parent), std::string(old_name)};
  rename.to = {tree_.volume_path(parent), std::string(name)};
  rename.mode = RenameMode::no_replace;
  sending.head = sending.steps.size();
  sending.steps.push_back({std::move(rename), {}});
  sending.moved_from = from;
  sending.work = std::move(to);
  return sending;
}

Step FolderSync::make_directory(std::string_view path) const {
  return {MakeDirectory{name_of(path), 0755, 0, 0, true}, {}};
}

NameRef FolderSync::name_of(std::string_view path) const {
  const std::string whole = tree_.volume_path(path);
  const auto [parent, name] = split_last(whole);
  return {std::string(parent), std::string(name)};
}

// ── In which order ───────────────────────────────────────────────────────────────────────────────

// Directories and moved files: what is sent later needs the first, and what is removed must not
// hold the second any more.
Status FolderSync::send_first(std::vector<Work>& work) {
  std::map<std::pair<std::uint64_t, Sha256>, Work*> gone;
  for (Work& one : work) {
    if (one.verdict != Verdict::remove_there || one.sides.base->kind != Kind::file) continue;
    gone.emplace(std::pair(one.sides.base->stamp.inode, one.sides.base->digest), &one);
  }
  std::vector<Sending> sendings;
  for (Work& one : work) {
    if (one.verdict != Verdict::send) continue;
    const Local& local = *one.sides.local;
    const auto from = gone.find({local.found.stamp.inode, local.digest});
    const bool moved = local.found.kind == Kind::file && is_new(one.sides) && from != gone.end() &&
                       !unmovable_.contains(one.path);
    if (!moved && local.found.kind != Kind::directory) continue;
    Sending sending;
    if (moved) {
      sending = move_of(from->second->path, one);
      from->second->verdict = Verdict::nothing;
      gone.erase(from);
    } else {
      if (one.sides.remote) sending.steps.push_back(removal_of(one));
      sending.steps.push_back(make_directory(one.path));
      sending.head = sending.steps.size() - 1;
      sending.work = one;
    }
    one.verdict = Verdict::nothing;
    if (auto added = add(sendings, std::move(sending)); !added) return added;
  }
  return flush(sendings);
}

Step FolderSync::removal_of(const Work& work) const {
  const Node& node = *work.sides.remote;
  if (node.is(Kind::directory)) return {RemoveDirectory{name_of(work.path), false}, {}};
  Precondition when;
  if (node.is(Kind::file)) when.version = node.version;
  return {Unlink{name_of(work.path)}, when};
}

Status FolderSync::send_removals(std::vector<Work>& work) {
  std::vector<Sending> sendings;
  for (auto one = work.rbegin(); one != work.rend(); ++one) {
    if (one->verdict != Verdict::remove_there) continue;
    Sending sending;
    sending.steps.push_back(removal_of(*one));
    sending.removes = true;
    sending.work = std::move(*one);
    one->verdict = Verdict::nothing;
    if (auto added = add(sendings, std::move(sending)); !added) return added;
  }
  return flush(sendings);
}

Status FolderSync::send_rest(std::vector<Work>& work) {
  std::vector<Sending> sendings;
  for (Work& one : work) {
    if (one.verdict != Verdict::send) continue;
    const Found& found = one.sides.local->found;
    if (found.kind == Kind::file && found.stamp.size > kPushPieceBytes) {
      if (auto sent = flush(sendings); !sent) return sent;
      if (auto sent = send_in_pieces(std::move(one)); !sent) return sent;
      continue;
    }
    const std::string path = one.path;
    auto sending = sending_of(std::move(one));
    if (!sending) {
      postpone(path, sending.error());
      continue;
    }
    if (auto added = add(sendings, *std::move(sending)); !added) return added;
  }
  return flush(sendings);
}

// ── What ─────────────────────────────────────────────────────────────────────────────────────────

Result<FolderSync::Sending> FolderSync::sending_of(Work work) {
  Sending sending;
  const Local& local = *work.sides.local;
  const bool replaces = work.sides.remote && work.sides.remote->kind != Kind::file;
  if (replaces) sending.steps.push_back(removal_of(work));
  if (local.found.kind == Kind::symlink) {
    const bool file = work.sides.remote && work.sides.remote->is(Kind::file);
    if (file) sending.steps.push_back(removal_of(work));
    sending.head = sending.steps.size();
    sending.steps.push_back({MakeSymlink{name_of(work.path), local.found.target, 0, 0}, {}});
    sending.work = std::move(work);
    return sending;
  }
  std::string bytes;
  auto read = folder_.read(work.path, local.found.stamp, [&](std::string_view part) {
    bytes += part;
    return success();
  });
  if (!read) return read.error();
  if (sha256(bytes) != local.digest) {
    return Error{Code::unavailable, folder_.shown(work.path).string() + " is being written"};
  }
  sending.bytes = bytes.size();
  sending.work = std::move(work);
  add_file_steps(sending, std::move(bytes));
  return sending;
}

// A file that is known goes by its number, as a mount's publish does; else by its name.
void FolderSync::add_file_steps(Sending& sending, std::string bytes) const {
  const Sides& sides = sending.work.sides;
  const Local& local = *sides.local;
  const bool file_there = sides.remote && sides.remote->is(Kind::file);
  const bool file_known = sides.base && sides.base->kind == Kind::file;
  sending.head = sending.steps.size();
  if (!file_there || !file_known || sides.base->inode != sides.remote->inode) {
    Publish op{name_of(sending.work.path), std::move(bytes), Version{}, mode_of(local), 0, 0, true};
    if (!sides.remote && file_known) op.base = sides.base->version;
    sending.steps.push_back({std::move(op), {}});
    return;
  }
  if (local.digest != sides.base->digest) {
    Write op;
    op.node = sides.remote->inode;
    op.base = sides.base->version;
    op.keep = 0;
    op.size = bytes.size();
    if (!bytes.empty()) op.extents.push_back({0, std::move(bytes)});
    sending.steps.push_back({std::move(op), {}});
  } else {
    sending.attributes_only = true;
  }
  if (local.found.executable == sides.base->executable && !sending.attributes_only) return;
  SetAttributes op;
  op.node = sides.remote->inode;
  op.mode = with_execute(sides.remote->attributes.mode, local.found.executable);
  sending.steps.push_back({std::move(op), {}});
}

// A large file appears under its name when it is all there, and goes on where it stopped.
Status FolderSync::send_in_pieces(Work work) {
  const Local local = *work.sides.local;
  const auto [parent, name] = split_last(work.path);
  const std::string part_name =
      std::string(kPartPrefix) + to_string(local.digest).substr(0, kMarkSize);
  const NameRef part{tree_.volume_path(parent), part_name};
  auto made = ask({Step{CreateFile{part, mode_of(local), 0, 0, false}, {}}});
  if (!made) return refuse_pieces(work, made.error());
  const Inode inode = made->outcomes.front().node.inode;
  std::uint64_t at = made->outcomes.front().node.attributes.size;
  while (at < local.found.stamp.size) {
    auto piece = folder_.read_piece(work.path, at, kPushPieceBytes);
    if (!piece || piece->empty()) break;
    const std::uint64_t size = piece->size();
    Write write;
    write.node = inode;
    write.keep = at;
    write.extents.push_back({at, *std::move(piece)});
    auto written = ask({Step{std::move(write), {}}});
    if (!written) return refuse_pieces(work, written.error());
    at += size;
  }
  auto now = folder_.look(work.path);
  if (!now || !*now || !((*now)->stamp == local.found.stamp)) {
    later_.insert(work.path);
    auto dropped = ask({Step{Unlink{part}, {}}});
    return dropped ? success() : Status(dropped.error());
  }
  Sending sending;
  const bool known = work.sides.base && work.sides.remote && work.sides.base->kind == Kind::file &&
                     work.sides.base->inode == work.sides.remote->inode;
  if (work.sides.remote && work.sides.remote->is(Kind::directory)) {
    sending.steps.push_back(removal_of(work));
  }
  sending.head = sending.steps.size();
  sending.steps.push_back({Rename{part, name_of(work.path), RenameMode::replace,
                                  known ? work.sides.base->version : Version{}},
                           {}});
  sending.work = std::move(work);
  const std::string path = sending.work.path;
  std::vector<Sending> one;
  one.push_back(std::move(sending));
  if (auto sent = flush(one); !sent) return sent;
  const Record* sent = state_.at(path);
  if (sent != nullptr && sent->digest == local.digest) return success();
  auto dropped = ask({Step{Unlink{part}, {}}});  // it was refused
  return dropped || dropped.error().code == Code::not_found ? success() : Status(dropped.error());
}

Status FolderSync::refuse_pieces(const Work& work, const Error& error) {
  if (is_in_doubt(error)) return error;
  Sending sending;
  sending.work = work;
  return settle_refused(sending, error);
}

Result<Applied> FolderSync::ask(std::vector<Step> steps) {
  Batch batch;
  batch.acknowledged = number_;
  batch.request = {client_, ++number_};
  batch.steps = std::move(steps);
  return store_.apply(call(), volume_.id, batch);
}

// ── One batch after the other ────────────────────────────────────────────────────────────────────

Status FolderSync::add(std::vector<Sending>& sendings, Sending sending) {
  std::size_t steps = sending.steps.size();
  std::uint64_t bytes = sending.bytes;
  for (const Sending& one : sendings) {
    steps += one.steps.size();
    bytes += one.bytes;
  }
  if (steps > kStepsAtOnce || bytes > kGroupBytesMax) {
    if (auto sent = flush(sendings); !sent) return sent;
  }
  sendings.push_back(std::move(sending));
  return success();
}

Status FolderSync::flush(std::vector<Sending>& sendings) {
  if (sendings.empty()) return success();
  if (stopped()) return Error{Code::timed_out, "it was stopped"};
  Outgoing outgoing;
  outgoing.sendings = std::exchange(sendings, {});
  outgoing.batch.acknowledged = number_;
  outgoing.batch.request = {client_, ++number_};
  for (const Sending& one : outgoing.sendings) {
    outgoing.batch.steps.insert(outgoing.batch.steps.end(), one.steps.begin(), one.steps.end());
  }
  return send(std::move(outgoing));
}

Status FolderSync::send(Outgoing outgoing) {
  auto answer = store_.apply(call(), volume_.id, outgoing.batch);
  if (!answer && is_in_doubt(answer.error())) {
    in_doubt_ = std::move(outgoing);
    return answer.error();
  }
  return settle_sent(std::move(outgoing), answer);
}

Status FolderSync::resend() {
  if (!in_doubt_) return success();
  return send(*std::exchange(in_doubt_, std::nullopt));
}

Status FolderSync::settle_sent(Outgoing outgoing, const Result<Applied>& answer) {
  std::vector<Sending>& sendings = outgoing.sendings;
  if (answer) {
    std::size_t first = 0;
    for (const Sending& one : sendings) {
      settle_one(one, answer->outcomes.at(first + one.head));
      first += one.steps.size();
    }
    if (auto saved = state_.save(); !saved) return saved;
    return reach(answer->last);
  }
  if (sendings.size() == 1) return settle_refused(sendings.front(), answer.error());
  const auto half = static_cast<std::ptrdiff_t>(sendings.size() / 2);
  std::vector<Sending> behind(std::make_move_iterator(sendings.begin() + half),
                              std::make_move_iterator(sendings.end()));
  sendings.resize(static_cast<std::size_t>(half));
  if (auto sent = flush(sendings); !sent) return sent;
  return flush(behind);
}

void FolderSync::settle_one(const Sending& sending, const Outcome& outcome) {
  const Work& work = sending.work;
  tries_.erase(work.path);
  if (sending.removes) {
    state_.drop(work.path);
    return tell(Happened::removed_there, work.path);
  }
  if (!sending.moved_from.empty()) {
    std::vector<std::pair<std::string, Record>> moved;
    state_.each_within(sending.moved_from, [&](const std::string& path, const Record& record) {
      moved.emplace_back(path, record);
    });
    for (const auto& [path, record] : moved) {
      state_.drop(path);
      state_.set(work.path + path.substr(sending.moved_from.size()), record);
      mark(path);
      mark(work.path + path.substr(sending.moved_from.size()));
    }
    return tell(Happened::sent, work.path, "moved from " + sending.moved_from);
  }
  Node node = outcome.node;
  const bool elsewhere = outcome.merged || outcome.conflict_copy;
  if (elsewhere || sending.attributes_only) {
    // What stands there is not what is here: it is brought, once the feed has told of it.
    node.version = work.sides.base ? work.sides.base->version : Version{};
    node.inode = work.sides.base ? work.sides.base->inode : Inode{};
    mark(work.path);
  }
  record(work, node);
  if (outcome.conflict_copy) {
    return tell(Happened::kept_beside, work.path,
                join(split_last(work.path).first, outcome.conflict_copy->name));
  }
  std::string note = outcome.merged ? "merged with what somebody else wrote" : "";
  for (const std::string& warning : outcome.warnings) note += (note.empty() ? "" : "; ") + warning;
  tell(outcome.conflict ? Happened::overridden : Happened::sent, work.path, note);
}

// What was refused alone. The volume's view of things comes with the feed.
Status FolderSync::settle_refused(const Sending& sending, const Error& error) {
  const Work& work = sending.work;
  if (error.code == Code::unauthenticated || error.code == Code::fenced) return error;
  if (!sending.moved_from.empty()) {
    unmovable_.insert(work.path);  // it is removed there and made anew
    mark(work.path);
    mark(sending.moved_from);
    return success();
  }
  if (sending.removes && error.code == Code::not_empty) {
    state_.drop(work.path);  // somebody put something into it: it comes back
    mark(work.path);
    return success();
  }
  if (error.code == Code::not_empty) {  // what stands in the way there has something in it
    keep_beside(work);
    return success();
  }
  const bool outdated = error.code == Code::not_found || error.code == Code::not_directory ||
                        error.code == Code::exists || error.code == Code::is_directory;
  const bool by_condition = error.code == Code::conflict && (sending.removes || sending.head > 0);
  if (outdated || by_condition) {
    // Not by what is seen of the volume, when the feed tells of nothing: it lies out of sight.
    if (++tries_[work.path] <= kTriesMax) {
      later_.insert(work.path);
    } else {
      tell(Happened::refused, work.path, error.message);
    }
    return success();
  }
  if (error.code == Code::conflict || (changed_there(work.sides) && work.sides.remote)) {
    keep_beside(work);
  }
  if (error.code != Code::conflict) tell(Happened::refused, work.path, error.message);
  return success();
}

}  // namespace outboard::sync
