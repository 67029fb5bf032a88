// Prewarming: what a first command will read, brought near before it asks. [S58]
#include "core/path.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {
namespace {

// Given to the kernel at a time: what waits for it is held in memory twice.
constexpr std::uint64_t kGivenBytes = 8U << 20U;

}  // namespace

Status MountedVolume::collect_files(Inode directory, std::vector<VersionRef>& files,
                                    std::vector<Inode>& further) {
  const Stay stay(*this);
  const auto known = know(directory);
  if (!known && known.error().code != Code::not_found) return known;
  Lock lock(mutex_);
  const TreeNode* node = state_.tree.find(directory);
  if (node == nullptr || !node->children) return success();  // removed meanwhile
  for (const auto& [place, child] : node->children->places) {
    const Node& found = state_.tree.find(child.inode)->node;
    if (found.is(Kind::directory)) further.push_back(child.inode);
    if (!found.is(Kind::file) || found.attributes.size > kPrewarmFileBytesMax) continue;
    files.push_back(version_of(found));
  }
  return success();
}

Result<Node> MountedVolume::node_at(std::string_view path) {
  const Stay stay(*this);
  Inode at = kRootInode;
  for (const std::string_view name : components_of(path)) {
    if (auto known = know(at, name); !known) return std::move(known).error();
    Lock lock(mutex_);
    const Child* child = state_.tree.child(at, name);
    if (child == nullptr) return Error{Code::not_found, "nothing stands there", std::string(path)};
    at = child->inode;
  }
  Lock lock(mutex_);
  return Node(state_.tree.find(at)->node);
}

Result<Prewarmed> MountedVolume::prewarm(std::string_view path, std::uint64_t bytes_max,
                                         Moment deadline) {
  if (auto good = check_path(path); !good) return std::move(good).error();
  Prewarmed done;
  auto first = node_at(path);
  if (!first) return std::move(first).error();
  std::vector<Inode> directories;
  std::vector<VersionRef> files;
  if (first->is(Kind::directory)) directories.push_back(first->inode);
  if (first->is(Kind::file)) files.push_back(version_of(*first));
  std::uint64_t left = std::min(bytes_max, kBlockCacheBytesMax / 2);
  while (!directories.empty() || !files.empty()) {
    if (!directories.empty()) {
      const Inode next = directories.back();
      directories.pop_back();
      if (auto known = collect_files(next, files, directories); !known) {
        return std::move(known).error();
      }
    }
    std::vector<VersionRef> some;
    std::uint64_t bytes = 0;
    std::size_t taken = 0;
    for (; taken < files.size() && some.size() < kReadManyMax && bytes < kGivenBytes; ++taken) {
      if (files[taken].size > left) continue;
      some.push_back(files[taken]);
      bytes += files[taken].size;
      left -= files[taken].size;
    }
    files.erase(files.begin(), files.begin() + static_cast<std::ptrdiff_t>(taken));
    if (auto got = prewarm_files(some, deadline, done); !got) return std::move(got).error();
    if (left == 0) break;
  }
  return done;
}

Status MountedVolume::prewarm_files(const std::vector<VersionRef>& files, Moment deadline,
                                    Prewarmed& done) {
  if (auto warm = blocks_.warm(files, deadline); !warm) return warm;
  const bool kept = view_.read_only && lasting();
  const std::uint64_t drops = blocks_.drops();
  Notices notices;
  std::vector<VersionRef> given;  // by them
  for (const VersionRef& version : files) {
    const auto bytes = blocks_.whole(version);
    if (!bytes) continue;
    ++done.files;
    done.bytes += bytes->size();
    if (!kept || bytes->empty()) continue;
    Lock lock(mutex_);
    const NodeId node = state_.inodes.current(version.inode);
    const TreeNode* now = state_.tree.find(version.inode);
    if (!node || now == nullptr || now->node.version != version.version) continue;
    Notice notice;
    notice.kind = NoticeKind::store;
    notice.node = node;
    notice.bytes = bytes;
    notices.push_back(std::move(notice));
    given.push_back(version);
  }
  if (notices.empty()) return success();
  post(notices);
  take_back_stale(notices, given, drops);
  if (invalidator_.flushed(deadline)) return success();
  return Error{Code::timed_out, "the kernel did not take the files in time", volume_.name};
}

// The race that is won here: a change may have posted its notice between our look at the version
// and our post, so that the kernel was given old bytes after it was told to drop them. An id that
// was retired meanwhile shows the old bytes rightly; one that goes on does not, nor may any when
// bytes were purged.
void MountedVolume::take_back_stale(const Notices& stored, const std::vector<VersionRef>& given,
                                    std::uint64_t drops) {
  Notices notices;
  {
    Lock lock(mutex_);
    const bool purged = blocks_.drops() != drops;
    for (std::size_t i = 0; i < stored.size(); ++i) {
      const TreeNode* now = state_.tree.find(given[i].inode);
      const bool goes_on = state_.inodes.current(given[i].inode) == stored[i].node;
      const bool same = now != nullptr && now->node.version == given[i].version;
      if (!purged && (same || !goes_on)) continue;
      Notice notice;
      notice.kind = NoticeKind::content;
      notice.node = stored[i].node;
      notices.push_back(std::move(notice));
    }
  }
  post(std::move(notices));
}

}  // namespace outboard::fusefs
