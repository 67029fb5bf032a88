#include "tests/model/reference_tree.h"

#include <algorithm>

namespace outboard::tests {
namespace {

bool below(const std::string& path, const std::string& directory) {
  return path.starts_with(directory + "/");
}

}  // namespace

const ReferenceTree::Thing* ReferenceTree::find(const std::string& path) const {
  const auto found = things_.find(path);
  return found == things_.end() ? nullptr : found->second.get();
}

bool ReferenceTree::is_directory(const std::string& path) const {
  const Thing* thing = find(path);
  return path == "/" || (thing != nullptr && thing->what == What::directory);
}

bool ReferenceTree::has_children(const std::string& path) const {
  return std::any_of(things_.begin(), things_.end(),
                     [&](const auto& thing) { return below(thing.first, path); });
}

ReferenceTree::Answer ReferenceTree::blocked(const std::string& path) const {
  for (std::size_t at = path.find('/', 1); at != path.npos; at = path.find('/', at + 1)) {
    const std::string directory = path.substr(0, at);
    if (find(directory) == nullptr) return Code::not_found;
    if (!is_directory(directory)) return Code::not_directory;
  }
  return {};
}

ReferenceTree::Answer ReferenceTree::add(const std::string& path, Thing thing) {
  if (auto no = blocked(path)) return no;
  if (find(path) != nullptr) return Code::exists;
  things_[path] = std::make_shared<Thing>(std::move(thing));
  return {};
}

ReferenceTree::Answer ReferenceTree::create(const std::string& path) {
  return add(path, {What::file, ""});
}

ReferenceTree::Answer ReferenceTree::mkdir(const std::string& path) {
  return add(path, {What::directory, ""});
}

ReferenceTree::Answer ReferenceTree::symlink(const std::string& path, const std::string& target) {
  return add(path, {What::symlink, target});
}

ReferenceTree::Answer ReferenceTree::link(const std::string& from, const std::string& to) {
  if (auto no = blocked(from)) return no;
  const auto found = things_.find(from);
  if (found == things_.end()) return Code::not_found;
  if (auto no = blocked(to)) return no;
  if (found->second->what == What::directory) return Code::is_directory;
  if (find(to) != nullptr) return Code::exists;
  things_[to] = found->second;
  return {};
}

ReferenceTree::Answer ReferenceTree::unlink(const std::string& path) {
  if (auto no = blocked(path)) return no;
  if (find(path) == nullptr) return Code::not_found;
  if (is_directory(path)) return Code::is_directory;
  things_.erase(path);
  return {};
}

ReferenceTree::Answer ReferenceTree::rmdir(const std::string& path, bool recursive) {
  if (auto no = blocked(path)) return no;
  if (find(path) == nullptr) return Code::not_found;
  if (!is_directory(path)) return Code::not_directory;
  if (!recursive && has_children(path)) return Code::not_empty;
  take(path);
  return {};
}

// `path` and all below it, out of the tree, with their paths as seen from `path`.
ReferenceTree::Things ReferenceTree::take(const std::string& path) {
  Things taken;
  for (auto at = things_.begin(); at != things_.end();) {
    if (at->first == path || below(at->first, path)) {
      taken[at->first.substr(path.size())] = at->second;
      at = things_.erase(at);
    } else {
      ++at;
    }
  }
  return taken;
}

void ReferenceTree::put(const std::string& path, const Things& things) {
  for (const auto& [rest, thing] : things) things_[path + rest] = thing;
}

ReferenceTree::Answer ReferenceTree::rename(const std::string& from, const std::string& to) {
  if (auto no = blocked(from)) return no;
  if (auto no = blocked(to)) return no;
  if (find(from) == nullptr) return Code::not_found;
  if (find(from) == find(to)) return {};
  if (is_directory(from) && below(to, from)) return Code::invalid;
  if (find(to) != nullptr) {
    if (!is_directory(from) && is_directory(to)) return Code::is_directory;
    if (is_directory(from) && !is_directory(to)) return Code::not_directory;
    if (is_directory(to) && has_children(to)) return Code::not_empty;
    take(to);
  }
  put(to, take(from));
  return {};
}

ReferenceTree::Answer ReferenceTree::exchange(const std::string& one, const std::string& other) {
  if (auto no = blocked(one)) return no;
  if (auto no = blocked(other)) return no;
  if (find(one) == nullptr || find(other) == nullptr) return Code::not_found;
  if (find(one) == find(other)) return {};
  if (below(one, other) || below(other, one)) return Code::invalid;
  const Things first = take(one);
  put(one, take(other));
  put(other, first);
  return {};
}

ReferenceTree::Answer ReferenceTree::file_at(const std::string& path, Thing*& file) {
  if (auto no = blocked(path)) return no;
  const auto found = things_.find(path);
  if (found == things_.end()) return Code::not_found;
  if (found->second->what == What::directory) return Code::is_directory;
  if (found->second->what == What::symlink) return Code::invalid;
  file = found->second.get();
  return {};
}

ReferenceTree::Answer ReferenceTree::write(const std::string& path, std::size_t offset,
                                           const std::string& bytes) {
  Thing* file = nullptr;
  if (auto no = file_at(path, file)) return no;
  if (file->bytes.size() < offset + bytes.size()) file->bytes.resize(offset + bytes.size());
  file->bytes.replace(offset, bytes.size(), bytes);
  return {};
}

ReferenceTree::Answer ReferenceTree::truncate(const std::string& path, std::size_t size) {
  Thing* file = nullptr;
  if (auto no = file_at(path, file)) return no;
  file->bytes.resize(size);
  return {};
}

ReferenceTree::Answer ReferenceTree::append(const std::string& path, const std::string& bytes) {
  Thing* file = nullptr;
  if (auto no = file_at(path, file)) return no;
  file->bytes += bytes;
  return {};
}

ReferenceTree::Answer ReferenceTree::publish(const std::string& path, const std::string& bytes) {
  if (auto no = blocked(path)) return no;
  if (find(path) == nullptr) return add(path, {What::file, bytes});
  Thing* file = nullptr;
  if (auto no = file_at(path, file)) return no;
  file->bytes = bytes;
  return {};
}

std::map<std::string, std::string> ReferenceTree::shown() const {
  std::map<std::string, std::string> all;
  for (const auto& [path, thing] : things_) {
    switch (thing->what) {
      case What::directory: all[path] = "d"; break;
      case What::symlink: all[path] = "l " + thing->bytes; break;
      case What::file:
        all[path] = "f " + std::to_string(thing.use_count()) + " " + thing->bytes;
        break;
    }
  }
  return all;
}

}  // namespace outboard::tests
