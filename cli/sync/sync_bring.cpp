// Bringing: what changed there is put into the folder, over nothing that was not looked at.
#include <algorithm>
#include <utility>

#include "cli/sync/sync.h"
#include "core/limits.h"
#include "core/path.h"
#include "core/running_sha256.h"

namespace outboard::sync {
namespace {

// Contents that are fetched together, and the size from which one goes alone.
constexpr std::uint64_t kGroupBytes = 8U << 20U;
constexpr std::uint64_t kAloneBytes = 1U << 20U;
constexpr std::size_t kGroupFiles = std::min<std::size_t>(256, kReadManyMax);

bool only_mode_differs(const Sides& sides) {
  return sides.base && sides.local && sides.local->found.kind == Kind::file &&
         sides.local->digest == sides.base->digest && sides.base->inode == sides.remote->inode &&
         sides.base->version == sides.remote->version;
}

}  // namespace

Status FolderSync::bring(std::vector<Work>& work) {
  for (auto one = work.rbegin(); one != work.rend(); ++one) {
    if (one->verdict == Verdict::remove_here) remove_here(*one);
  }
  std::vector<Work> files;
  for (Work& one : work) {
    if (one.verdict != Verdict::bring || !clear_way(one)) continue;
    const Node& node = *one.sides.remote;
    if (node.is(Kind::directory)) bring_directory(one);
    if (node.is(Kind::symlink)) bring_symlink(one);
    if (!node.is(Kind::file)) continue;
    if (!only_mode_differs(one.sides)) {
      files.push_back(std::move(one));
      continue;
    }
    bring_mode(one);
  }
  return bring_files(files);
}

void FolderSync::bring_mode(const Work& work) {
  auto set = folder_.set_executable(work.path, is_executable(*work.sides.remote));
  auto found = folder_.look(work.path);
  if (!set || !found || !*found) {
    return postpone(work.path, set ? Error{Code::unavailable, ""} : set.error());
  }
  Work now = work;
  now.sides.local->found = **found;
  // Written to meanwhile: it is to be read again.
  if ((*found)->stamp.modified != work.sides.local->found.stamp.modified) {
    now.sides.local->found.stamp = {};
  }
  record(now, *work.sides.remote);
  tell(Happened::brought, work.path, "mode");
}

// What a program would go on writing into a file that has no name any more would be lost.
bool FolderSync::is_written(const Work& work) {
  const bool written = work.sides.local && work.sides.local->found.kind == Kind::file &&
                       folder_.has_writer(work.path);
  if (written) postpone(work.path, Error{Code::unavailable, ""});
  return written;
}

void FolderSync::remove_here(const Work& work) {
  if (is_written(work)) return;
  const Found& found = work.sides.local->found;
  auto removed = found.kind == Kind::directory ? folder_.remove_directory(work.path)
                                               : folder_.remove(work.path, found);
  if (removed) {
    state_.drop(work.path);
    return tell(Happened::removed_here, work.path);
  }
  if (removed.error().code != Code::not_empty) return postpone(work.path, removed.error());
  // What is left in it is nobody else's: it goes there as new, unless it is passed over.
  state_.drop(work.path);
  auto names = folder_.list(work.path);
  const bool any = names && std::any_of(names->begin(), names->end(), [&](const std::string& name) {
                     return takes(join(work.path, name));
                   });
  if (any) mark(work.path);
}

// What stands here is of another kind than what comes.
bool FolderSync::clear_way(const Work& work) {
  if (!work.sides.local) return true;
  if (is_written(work)) return false;
  const Found& found = work.sides.local->found;
  const bool directory_here = found.kind == Kind::directory;
  if (directory_here == work.sides.remote->is(Kind::directory)) return true;
  if (!directory_here) {
    auto removed = folder_.remove(work.path, found);
    if (!removed) postpone(work.path, removed.error());
    return bool(removed);
  }
  auto removed = folder_.remove_directory(work.path);
  if (removed) return true;
  if (removed.error().code == Code::not_empty) {
    keep_beside(work);
  } else {
    postpone(work.path, removed.error());
  }
  return false;
}

void FolderSync::bring_directory(const Work& work) {
  auto made = folder_.make_directory(work.path);
  if (!made) return postpone(work.path, made.error());
  auto found = folder_.look(work.path);
  if (!found || !*found) return postpone(work.path, Error{Code::unavailable, ""});
  Work now = work;
  now.sides.local = Local{**found, {}};
  record(now, *work.sides.remote);
  tell(Happened::brought, work.path);
  if (!watch_) return;
  if (auto scanned = scan(work.path); !scanned) postpone(work.path, scanned.error());
}

void FolderSync::bring_symlink(const Work& work) {
  auto draft = folder_.begin_symlink(work.sides.remote->target);
  if (!draft) return postpone(work.path, draft.error());
  std::vector<std::string> placed;
  place(work, *draft, sha256(work.sides.remote->target), placed);
}

Status FolderSync::bring_files(const std::vector<Work>& files) {
  std::vector<const Work*> group;
  std::uint64_t bytes = 0;
  for (const Work& one : files) {
    const std::uint64_t size = one.sides.remote->attributes.size;
    if (group.size() == kGroupFiles || bytes + size > kGroupBytes) {
      if (auto brought = bring_group(group); !brought) return brought;
      group.clear();
      bytes = 0;
    }
    group.push_back(&one);
    bytes += size;
  }
  return bring_group(group);
}

Status FolderSync::bring_group(const std::vector<const Work*>& files) {
  if (files.empty()) return success();
  if (stopped()) return Error{Code::timed_out, "it was stopped"};
  std::vector<ContentKey> keys;
  for (const Work* one : files) {
    const Node& node = *one->sides.remote;
    if (node.attributes.size <= kAloneBytes) keys.push_back({node.inode, node.version});
  }
  std::vector<Result<Content>> contents;
  if (!keys.empty()) {
    auto read = store_.read_many(call(), volume_.id, keys);
    if (!read) return read.error();
    contents = std::move(read->value);
  }
  std::vector<const Work*> whole;
  std::vector<Sha256> digests;
  std::vector<Draft> drafts;
  std::size_t next = 0;
  for (const Work* one : files) {
    const bool small = one->sides.remote->attributes.size <= kAloneBytes;
    const Result<Content>* content = small ? &contents.at(next++) : nullptr;
    auto draft = fetch(*one, content);
    if (!draft && draft.error().code == Code::unavailable) return draft.error();
    if (!draft && draft.error().code == Code::timed_out) return draft.error();
    // It has another version by now, of which the feed tells.
    if (!draft && draft.error().code == Code::not_found) continue;
    if (!draft) {
      postpone(one->path, draft.error());
      continue;
    }
    whole.push_back(one);
    digests.push_back(draft->digest);
    drafts.push_back(std::move(draft->draft));
  }
  if (auto settled = folder_.settle(drafts); !settled) return settled;
  std::vector<std::string> placed;
  for (std::size_t i = 0; i < whole.size(); ++i) place(*whole[i], drafts[i], digests[i], placed);
  // A record must not be on the disk before its file is.
  if (auto settled = folder_.settle(placed); !settled) return settled;
  return state_.save();
}

Result<FolderSync::Fetched> FolderSync::fetch(const Work& work, const Result<Content>* content) {
  const Node& node = *work.sides.remote;
  if (content != nullptr && !*content) return content->error();
  auto draft = folder_.begin_file();
  if (!draft) return draft.error();
  RunningSha256 running;
  if (content != nullptr) {
    running.add((*content)->bytes);
    if (auto written = draft->write((*content)->bytes); !written) return written.error();
  }
  std::uint64_t offset = content == nullptr ? 0 : node.attributes.size;
  while (offset < node.attributes.size) {
    auto part = store_.read(call(), volume_.id, node.inode, node.version, offset, kReadBytesMax);
    if (!part) return part.error();
    const std::string& bytes = part->value.bytes;
    if (bytes.empty()) return Error{Code::corrupt, work.path + " ended too early"};
    running.add(bytes);
    if (auto written = draft->write(bytes); !written) return written.error();
    offset += bytes.size();
  }
  const Sha256 digest = running.finish();
  if (node.digest && *node.digest != digest) {
    return Error{Code::corrupt, "what came of " + work.path + " is not what its digest says"};
  }
  return Fetched{*std::move(draft), digest};
}

void FolderSync::place(const Work& work, Draft& draft, const Sha256& digest,
                       std::vector<std::string>& placed) {
  const Node& node = *work.sides.remote;
  std::optional<Found> over;
  const bool stands = work.sides.local && work.sides.local->found.kind != Kind::directory &&
                      !node.is(Kind::directory);
  if (stands) over = work.sides.local->found;
  if (is_written(work)) return;
  auto done = folder_.place(draft, work.path, is_executable(node), over);
  if (!done) return postpone(work.path, done.error());
  Work now = work;
  now.sides.local = Local{done->found, digest};
  record(now, node);
  placed.push_back(work.path);
  tell(Happened::brought, work.path);
  if (!done->displaced) return;
  tell(Happened::kept_beside, work.path, *done->displaced);
  mark(*done->displaced);
}

}  // namespace outboard::sync
