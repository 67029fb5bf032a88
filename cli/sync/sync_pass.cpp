// One pass: looks at the paths that something happened to, decides about each, and carries it out
// in an order in which each step finds what it needs.
#include <algorithm>

#include "cli/sync/bell.h"
#include "cli/sync/sync.h"
#include "core/path.h"

namespace outboard::sync {
namespace {

std::string_view kind_word(Kind kind) {
  return kind == Kind::socket || kind == Kind::fifo ? "a socket or pipe" : "a device";
}

bool travels(Kind kind) {
  return kind == Kind::file || kind == Kind::directory || kind == Kind::symlink;
}

}  // namespace

Status FolderSync::pass() {
  const std::set<std::string> paths = std::exchange(dirty_, {});
  std::vector<Work> work;
  for (const std::string& path : paths) {
    if (auto one = consider(path)) work.push_back(*std::move(one));
  }
  auto done = carry_out(std::move(work));
  if (!done) dirty_.insert(paths.begin(), paths.end());
  if (auto saved = state_.save(); done && !saved) return saved;
  return done;
}

Status FolderSync::carry_out(std::vector<Work> work) {
  if (auto good = check_not_emptied(work); !good) return good;
  auto moved = send_moves(work);
  if (!moved) return moved.error();
  if (*moved) {  // a directory: what stands below it is looked at under its new name
    for (const Work& one : work) mark(one.path);
    return success();
  }
  for (Work& one : work) {
    if (one.verdict != Verdict::both) continue;
    if (auto resolved = resolve(one); !resolved) return resolved;
  }
  if (auto sent = send_first(work); !sent) return sent;
  if (auto sent = send_removals(work); !sent) return sent;
  if (auto brought = bring(work); !brought) return brought;
  return send_rest(work);
}

// `known` is false when what stands there cannot be told now.
std::optional<Local> FolderSync::observe(const std::string& path, const std::optional<Record>& base,
                                         bool& known) {
  known = false;
  auto found = folder_.look(path);
  if (!found) {
    postpone(path, found.error());
    return std::nullopt;
  }
  known = true;
  if (!*found) return std::nullopt;
  if (!travels((*found)->kind)) {
    known = false;
    tell(Happened::passed_over, path, "it is " + std::string(kind_word((*found)->kind)));
    return std::nullopt;
  }
  Local local{**found, {}};
  if (local.found.kind == Kind::directory) return local;
  if (base && base->settled && base->kind == local.found.kind && base->stamp == local.found.stamp) {
    local.digest = base->digest;
    return local;
  }
  if (local.found.kind == Kind::file && local.found.stamp.size > kFileBytesMax) {
    known = false;
    tell(Happened::refused, path,
         "it is longer than " + std::to_string(kFileBytesMax) + " bytes: split it");
    return std::nullopt;
  }
  if (local.found.kind == Kind::file && folder_.has_writer(path)) {
    known = false;
    postpone(path, Error{Code::unavailable, ""});
    return std::nullopt;
  }
  auto digest = digest_of(folder_, path, local.found);
  if (!digest) {
    known = false;
    postpone(path, digest.error());
    return std::nullopt;
  }
  local.digest = *digest;
  return local;
}

std::optional<FolderSync::Work> FolderSync::consider(const std::string& path) {
  Work work;
  work.path = path;
  if (const Record* base = state_.at(path)) work.sides.base = *base;
  bool known = false;
  work.sides.local = observe(path, work.sides.base, known);
  if (!known) return std::nullopt;
  if (const Node* node = tree_.at(path)) {
    if (!travels(node->kind)) {
      tell(Happened::passed_over, path, "it is " + std::string(kind_word(node->kind)));
      return std::nullopt;
    }
    work.sides.remote = *node;
  }
  work.verdict = decide(work.sides);
  if (work.verdict == Verdict::record) record(work, *work.sides.remote);
  if (work.verdict == Verdict::forget) state_.drop(path);
  if (volume_.read_only) {
    const bool only_here = work.verdict == Verdict::send;
    if (only_here) {
      tell(Happened::refused, path, "the token may only read: it stays as it is here");
      work.verdict = Verdict::nothing;
    }
    if (work.verdict == Verdict::remove_there) work.verdict = Verdict::bring;
  }
  const bool done = work.verdict == Verdict::nothing || work.verdict == Verdict::record ||
                    work.verdict == Verdict::forget;
  if (done) return std::nullopt;
  return work;
}

// Everything gone at once is a folder that was unmounted or removed, more often than a wish.
Status FolderSync::check_not_emptied(const std::vector<Work>& work) {
  std::size_t gone = 0;
  for (const Work& one : work) gone += one.verdict == Verdict::remove_there ? 1U : 0U;
  if (gone < 2 || options_.accept_empty) return success();
  if (auto there = check_there(); !there) return there;
  auto names = folder_.list("/");
  if (!names) return names.error();
  if (!names->empty()) return success();
  return scan("/");
}

// Changed here and there. What is left of the verdict is to send it or to bring it.
Status FolderSync::resolve(Work& work) {
  const bool files =
      work.sides.local->found.kind == Kind::file && work.sides.remote->is(Kind::file);
  if (files) {
    const Node& node = *work.sides.remote;
    VersionInfo current;
    current.version = node.version;
    current.size = node.attributes.size;
    current.digest = node.digest;
    auto same = has_content(work, current);
    if (!same) return same.error();
    if (*same) {
      if (work.sides.local->found.executable == is_executable(*work.sides.remote)) {
        record(work, *work.sides.remote);
        work.verdict = Verdict::nothing;
        return success();
      }
      work.verdict = Verdict::bring;
      return success();
    }
    auto older = is_older_version(work);
    if (!older) return older.error();
    if (*older) {
      work.verdict = Verdict::bring;
      return success();
    }
    if (!volume_.read_only) {
      work.verdict = Verdict::send;
      return success();
    }
  }
  keep_beside(work);
  work.verdict = Verdict::nothing;
  mark(work.path);
  return success();
}

Result<bool> FolderSync::has_content(const Work& work, const VersionInfo& version) {
  const Local& local = *work.sides.local;
  if (version.digest) return *version.digest == local.digest;
  if (version.redacted || version.size != local.found.stamp.size) return false;
  std::uint64_t offset = 0;
  while (offset < version.size) {
    auto part = store_.read(call(), volume_.id, work.sides.remote->inode, version.version, offset,
                            kReadBytesMax);
    if (!part && part.error().code == Code::not_found) return false;
    if (!part) return part.error();
    auto here = folder_.read_piece(work.path, offset, part->value.bytes.size());
    if (!here || part->value.bytes.empty() || *here != part->value.bytes) return false;
    offset += part->value.bytes.size();
  }
  return true;
}

// What a process wrote or was sent, and died before it could record it, is no edit.
Result<bool> FolderSync::is_older_version(const Work& work) {
  const Node& node = *work.sides.remote;
  const auto& base = work.sides.base;
  auto versions = store_.versions(call(), volume_.id, NodeRef{node.inode});
  if (!versions && (versions.error().code == Code::not_found)) return false;
  if (!versions) return versions.error();
  const bool same_node = base && base->inode == node.inode;
  for (const VersionInfo& one : versions->value) {
    if (same_node && one.version <= base->version) break;  // newest first
    auto same = has_content(work, one);
    if (!same || *same) return same;
  }
  return false;
}

void FolderSync::record(const Work& work, const Node& node) {
  const Local& local = *work.sides.local;
  Record now;
  now.kind = local.found.kind;
  now.inode = node.inode;
  now.version = node.version;
  now.executable = local.found.executable;
  now.digest = local.digest;
  now.stamp = local.found.stamp;
  now.settled = local.found.settled;
  if (now.kind == Kind::directory) now.stamp = {now.stamp.inode, 0, 0, 0};
  state_.set(work.path, now);
}

void FolderSync::keep_beside(const Work& work) {
  const bool directory = work.sides.local->found.kind == Kind::directory;
  const std::string mark_text =
      directory ? "local" : to_string(work.sides.local->digest).substr(0, 8);
  auto copy = folder_.move_aside(work.path, mark_text);
  if (!copy) return postpone(work.path, copy.error());
  std::vector<std::string> below;
  state_.each_within(work.path, [&](const std::string& at, const Record&) { below.push_back(at); });
  for (const std::string& at : below) {
    state_.drop(at);
    mark(at);
  }
  tell(Happened::kept_beside, work.path, *copy);
  mark(work.path);
  mark(*copy);
  if (!directory) return;
  if (auto scanned = scan(*copy); !scanned) postpone(*copy, scanned.error());
}

void FolderSync::postpone(const std::string& path, const Error& error) {
  // Being written, or just renamed away: the next look will tell.
  const bool passing = error.code == Code::unavailable || error.code == Code::not_found ||
                       error.code == Code::not_directory;
  if (!passing) tell(Happened::refused, path, error.message);
  later_.insert(path);
}

}  // namespace outboard::sync
