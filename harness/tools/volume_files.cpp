#include "harness/tools/volume_files.h"

#include <algorithm>

#include "core/limits.h"
#include "core/path.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

Result<Seq> commit(Store& store, VolumeId volume, Op op, Precondition when, Moment deadline) {
  Batch batch;
  batch.steps.push_back(Step{std::move(op), std::move(when)});
  auto applied = store.apply(Call::until(deadline), volume, batch);
  if (!applied) return std::move(applied).error();
  return applied->last;
}

}  // namespace

Result<VolumeId> VolumeFiles::volume(const std::string& name, Moment deadline) {
  const auto known = volumes_.with([&](auto& volumes) {
    const auto found = volumes.find(name);
    return found == volumes.end() ? VolumeId{} : found->second;
  });
  if (known) return known;
  auto opened = store_.open_volume(Call::until(deadline), name);
  if (!opened) return std::move(opened).error();
  volumes_.with([&](auto& volumes) { volumes[name] = opened->id; });
  return opened->id;
}

Result<FileImage> VolumeFiles::read(const VolumePath& path, Moment deadline) {
  const Call call = Call::until(deadline);
  auto id = volume(path.volume, deadline);
  if (!id) return std::move(id).error();
  auto node = store_.attributes(call, *id, NodeRef(path.path));
  if (!node) return std::move(node).error();
  if (node->value.is(Kind::directory)) {
    return Error{Code::is_directory, path.path + " is a directory", path.path};
  }
  if (!node->value.is(Kind::file)) {
    return Error{Code::invalid, path.path + " is not a regular file", path.path};
  }
  const std::uint64_t size = node->value.attributes.size;
  if (size > kToolFileBytesMax) {
    return Error{Code::too_big,
                 path.path + " has " + std::to_string(size) + " bytes; the file tools take up to " +
                     std::to_string(kToolFileBytesMax) + ". Use bash for it",
                 path.path};
  }
  FileImage image{{}, {}, node->value.inode, node->value.version, node->seq};
  while (image.bytes.size() < size) {
    const auto part =
        static_cast<std::size_t>(std::min<std::uint64_t>(size - image.bytes.size(), kReadBytesMax));
    auto content = store_.read(call, *id, image.inode, image.version, image.bytes.size(), part);
    if (!content) return std::move(content).error();
    if (content->value.bytes.empty()) break;
    image.bytes += content->value.bytes;
  }
  image.digest = sha256(image.bytes);
  return image;
}

Result<Seq> VolumeFiles::create(const VolumePath& path, std::string bytes, Moment deadline) {
  auto id = volume(path.volume, deadline);
  if (!id) return std::move(id).error();
  if (auto good = check_path(path.path); !good) return std::move(good).error();
  if (path.path == "/") return Error{Code::is_directory, "/ is a directory", path.path};
  const auto [parent, name] = split_last(path.path);
  Publish publish;
  publish.at = NameRef{std::string(parent), std::string(name)};
  publish.bytes = std::move(bytes);
  publish.base = Version{0};
  publish.parents = true;
  Precondition when;
  when.absent = true;
  return commit(store_, *id, std::move(publish), std::move(when), deadline);
}

Result<Seq> VolumeFiles::replace(const VolumePath& path, Inode inode, Version base,
                                 std::size_t same, const std::string& bytes, Moment deadline) {
  auto id = volume(path.volume, deadline);
  if (!id) return std::move(id).error();
  Write write;
  write.node = inode;
  write.base = base;
  write.keep = same;
  if (same < bytes.size()) write.extents.push_back(Extent{same, bytes.substr(same)});
  write.size = bytes.size();
  Precondition when;
  when.version = base;
  auto seq = commit(store_, *id, std::move(write), std::move(when), deadline);
  if (!seq && seq.error().code == Code::not_found) {
    return Error{Code::conflict, path.path + " is no longer there", path.path};
  }
  return seq;
}

Result<At<Page>> VolumeFiles::list(const VolumePath& path, Moment deadline) {
  auto id = volume(path.volume, deadline);
  if (!id) return std::move(id).error();
  return store_.list(Call::until(deadline), *id, NodeRef(path.path), "", kPageEntriesMax);
}

Result<std::vector<Result<Content>>> VolumeFiles::read_many(const std::string& name,
                                                            const std::vector<ContentKey>& keys,
                                                            Moment deadline) {
  auto id = volume(name, deadline);
  if (!id) return std::move(id).error();
  auto contents = store_.read_many(Call::until(deadline), *id, keys);
  if (!contents) return std::move(contents).error();
  return std::move(contents->value);
}

Result<At<Entry>> VolumeFiles::lookup(const VolumePath& path, Moment deadline) {
  auto id = volume(path.volume, deadline);
  if (!id) return std::move(id).error();
  const auto [parent, name] = split_last(path.path);
  return store_.lookup(Call::until(deadline), *id, NameRef{std::string(parent), std::string(name)});
}

}  // namespace outboard::harness
