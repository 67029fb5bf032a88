#include "cli/tree_fetch.h"

#include <algorithm>

#include "cli/remote_tree.h"
#include "core/limits.h"
#include "core/running_sha256.h"

namespace outboard::cli {
namespace {

// Contents that are fetched together, and the size from which one goes alone.
constexpr std::uint64_t kGroupBytes = 8U << 20U;
constexpr std::uint64_t kAloneBytes = 1U << 20U;
constexpr std::size_t kGroupFiles = std::min<std::size_t>(256, kReadManyMax);

class Fetching {
 public:
  Fetching(Context& context, Store& store, VolumeId volume, TargetFolder& target,
           const FetchWatch& watch)
      : context_(context), store_(store), volume_(volume), target_(target), watch_(watch) {}

  Status alone(const FetchedFile& file) {
    auto draft = target_.begin_file(file.path, false);
    if (!draft) return draft.error();
    RunningSha256 running;
    auto read = read_content(context_, store_, volume_, file.node, [&](std::string_view part) {
      running.add(part);
      watch_.advance(0, part.size());
      return draft->write(part);
    });
    if (!read) return read;
    if (auto kept = keep(file, *draft); !kept) return kept;
    watch_.done(file, running.finish());
    watch_.advance(1, 0);
    return success();
  }

  Status group(const std::vector<const FetchedFile*>& files) {
    std::vector<ContentKey> keys;
    for (const FetchedFile* file : files) keys.push_back({file->node.inode, file->node.version});
    auto contents = store_.read_many(context_.call(), volume_, keys);
    if (!contents) return contents.error();
    for (std::size_t i = 0; i < files.size(); ++i) {
      const Result<Content>& content = contents->value[i];
      if (!content) return content.error();
      auto draft = target_.begin_file(files[i]->path, false);
      if (!draft) return draft.error();
      if (auto written = draft->write(content->bytes); !written) return written;
      if (auto kept = keep(*files[i], *draft); !kept) return kept;
      watch_.done(*files[i], sha256(content->bytes));
      watch_.advance(1, content->bytes.size());
    }
    return success();
  }

 private:
  Status keep(const FetchedFile& file, FileDraft& draft) {
    if (file.node.xattr_bytes != 0) {
      auto xattrs = store_.xattrs(context_.call(), volume_, file.node.inode);
      if (!xattrs) return xattrs.error();
      if (auto set = draft.set_xattrs(xattrs->value); !set) return set;
    }
    if (auto set = draft.set_mode(file.node.attributes.mode); !set) return set;
    return draft.keep();
  }

  Context& context_;
  Store& store_;
  const VolumeId volume_;
  TargetFolder& target_;
  const FetchWatch& watch_;
};

}  // namespace

Status fetch_files(Context& context, Store& store, VolumeId volume,
                   const std::vector<FetchedFile>& files, TargetFolder& target,
                   const FetchWatch& watch) {
  Fetching fetching(context, store, volume, target, watch);
  for (std::size_t at = 0; at < files.size();) {
    watch.show(files[at].path);
    std::uint64_t bytes = files[at].node.attributes.size;
    Status fetched = success();
    if (bytes > kAloneBytes) {
      fetched = fetching.alone(files[at++]);
    } else {
      std::vector<const FetchedFile*> group = {&files[at++]};
      while (at < files.size() && group.size() < kGroupFiles && bytes < kGroupBytes &&
             files[at].node.attributes.size <= kAloneBytes) {
        bytes += files[at].node.attributes.size;
        group.push_back(&files[at++]);
      }
      fetched = fetching.group(group);
    }
    if (!fetched) return fetched;
  }
  return success();
}

}  // namespace outboard::cli
