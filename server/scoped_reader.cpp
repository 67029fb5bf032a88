#include "server/scoped_reader.h"

#include <algorithm>
#include <utility>

#include "core/limits.h"
#include "core/path.h"
#include "server/sight.h"

namespace outboard::server {
namespace {

std::string text_of(const NodeRef& ref) {
  if (const auto* path = std::get_if<std::string>(&ref)) return *path;
  return "inode " + to_string(std::get<Inode>(ref));
}

// The one answer for what is absent and for what is hidden.
Error absent(std::string subject) {
  Error error;
  error.code = Code::not_found;
  error.message = "there is no " + subject + ": look at what is there";
  error.subject = std::move(subject);
  return error;
}

template <class T>
bool missing(const Result<T>& result) {
  return !result && result.error().code == Code::not_found;
}

}  // namespace

Result<Right> ScopedReader::right_of(Inode inode, bool directory) {
  auto found = store_.paths(call_, volume_, {inode});
  if (!found) return found.error();
  return best_right(scope_, found->value.front(), directory);
}

Result<std::string> ScopedReader::path_of_directory(const NodeRef& directory) {
  const auto* path = std::get_if<std::string>(&directory);
  if (path != nullptr) {
    if (scope_.at(*path) == Right::none) return absent(*path);
    return *path;
  }
  auto found = store_.paths(call_, volume_, {std::get<Inode>(directory)});
  if (!found) return found.error();
  const auto& paths = found->value.front();
  const bool seen = std::any_of(paths.begin(), paths.end(), [&](const std::string& one) {
    return scope_.at(one) != Right::none;
  });
  if (!seen) return absent(text_of(directory));
  return paths.front();
}

Error ScopedReader::refusal(const Error& error, const std::string& path) {
  if (error.code == Code::not_found) return absent(path);
  if (error.code != Code::not_directory) return error;
  // Something that is no directory stands on the path: in view, or above it?
  for (const std::string& prefix : scope_.prefixes()) {
    if (!is_within(path, prefix) || path == prefix) continue;
    if (auto root = store_.attributes(call_, volume_, prefix); root) return error;
  }
  return absent(path);
}

Result<Entry> ScopedReader::shown(Entry entry, const std::string& path) {
  const Right right = scope_.at(path);
  if (right >= Right::read) return entry;
  if (right == Right::none || !entry.node.is(Kind::directory)) return absent(path);
  entry.node = masked(std::move(entry.node));
  return entry;
}

Result<At<Entry>> ScopedReader::lookup(const NameRef& name, const ReadAt& at) {
  const auto* by_path = std::get_if<std::string>(&name.parent);
  if (by_path != nullptr && scope_.at(join(*by_path, name.name)) == Right::none) {
    return absent(join(*by_path, name.name));
  }
  auto answer = store_.lookup(call_, volume_, name, at);
  auto parent = path_of_directory(name.parent);
  if (!parent) return parent.error();
  const std::string path = join(*parent, name.name);
  if (!answer && scope_.at(*parent) == Right::walk && by_path == nullptr) {
    auto above = attributes(name.parent, {});
    if (!above) return above.error();
  }
  if (scope_.at(path) == Right::none) return absent(path);
  if (!answer)
    return by_path           ? refusal(answer.error(), path)
           : missing(answer) ? absent(path)
                             : answer.error();
  auto entry = shown(std::move(answer->value), path);
  if (!entry) return entry.error();
  return At<Entry>{*std::move(entry), answer->seq};
}

Result<At<Node>> ScopedReader::attributes(const NodeRef& node, const ReadAt& at) {
  const auto* path = std::get_if<std::string>(&node);
  if (path != nullptr && scope_.at(*path) == Right::none) return absent(*path);
  auto answer = store_.attributes(call_, volume_, node, at);
  if (!answer && path != nullptr) return refusal(answer.error(), *path);
  if (missing(answer)) return absent(text_of(node));
  if (!answer) return answer;
  const bool directory = answer->value.is(Kind::directory);
  Right right = path ? best_right(scope_, {*path}, directory) : Right::none;
  if (path == nullptr) {
    auto found = right_of(std::get<Inode>(node), directory);
    if (!found) return found.error();
    right = *found;
  }
  if (right == Right::none) return absent(text_of(node));
  if (right == Right::walk) answer->value = masked(std::move(answer->value));
  return answer;
}

Result<At<Page>> ScopedReader::list(const NodeRef& directory, std::string_view after,
                                    std::uint32_t limit, const ReadAt& at) {
  auto path = path_of_directory(directory);
  if (!path) return path.error();
  if (scope_.at(*path) == Right::walk) return list_ways(*path, after, limit, at);
  auto answer = store_.list(call_, volume_, directory, after, limit, at);
  if (!answer) return refusal(answer.error(), *path);
  if (std::holds_alternative<std::string>(directory)) return answer;
  auto right = right_of(std::get<Inode>(directory), true);
  if (!right) return right.error();
  if (*right < Right::read) return absent(text_of(directory));
  return answer;
}

// At most one name for each grant: what else is there is not looked at.
Result<At<Page>> ScopedReader::list_ways(const std::string& path, std::string_view after,
                                         std::uint32_t limit, const ReadAt& at) {
  auto above = attributes(path, at);
  if (!above) return above.error();
  const std::size_t most = limit == 0 ? kPageEntriesMax : std::min(limit, kPageEntriesMax);
  At<Page> page{{}, above->seq};
  for (const std::string& name : scope_.ways(path)) {
    if (!after.empty() && name <= after) continue;
    auto entry = lookup(NameRef{path, name}, at);
    if (missing(entry)) continue;
    if (!entry) return entry.error();
    if (page.value.entries.size() == most) {
      page.value.next = page.value.entries.back().dentry.name;
      break;
    }
    page.value.entries.push_back(std::move(entry->value));
  }
  return page;
}

template <class T, class F>
Result<T> ScopedReader::in_view(const NodeRef& node, F&& read) {
  if (const auto* path = std::get_if<std::string>(&node)) {
    if (scope_.at(*path) < Right::read) {
      auto way = attributes(*path, {});
      if (!way) return way.error();  // on the way: only the store's own words for a directory
    }
    Result<T> answer = read();
    if (!answer) return refusal(answer.error(), *path);
    return answer;
  }
  const Inode inode = std::get<Inode>(node);
  Result<T> answer = read();
  auto right = right_of(inode, false);
  if (!right) return right.error();
  if (*right >= Right::read) return missing(answer) ? absent(text_of(node)) : std::move(answer);
  auto way = attributes(inode, {});
  if (!way) return way.error();
  if (answer) return absent(text_of(node));
  return answer;
}

Result<At<Content>> ScopedReader::read(Inode inode, Version version, std::uint64_t offset,
                                       std::size_t size) {
  return in_view<At<Content>>(
      inode, [&] { return store_.read(call_, volume_, inode, version, offset, size); });
}

Result<At<std::vector<Result<Content>>>> ScopedReader::read_many(
    const std::vector<ContentKey>& keys) {
  auto answer = store_.read_many(call_, volume_, keys);
  if (!answer) return answer;
  std::vector<Inode> inodes;
  inodes.reserve(keys.size());
  for (const ContentKey& key : keys) inodes.push_back(key.inode);
  auto paths = store_.paths(call_, volume_, inodes);
  if (!paths) return paths.error();
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool seen = best_right(scope_, paths->value[i], false) >= Right::read;
    if (seen && !missing(answer->value[i])) continue;
    answer->value[i] = absent(text_of(keys[i].inode));
  }
  return answer;
}

Result<Seq> ScopedReader::snapshot(const SnapshotQuery& query,
                                   const std::function<void(SnapshotPart)>& take) {
  SnapshotQuery part_of = query;
  part_of.within = scope_.prefixes();
  std::map<Inode, std::string> ways;  // directories on the way, by number
  return store_.snapshot(call_, volume_, part_of, [&](SnapshotPart part) {
    for (Entry& entry : part.entries) {
      std::string path = "/";
      if (entry.dentry.parent) {
        const auto above = ways.find(entry.dentry.parent);
        if (above == ways.end()) continue;  // below a prefix
        path = join(above->second, entry.dentry.name);
      }
      if (scope_.at(path) != Right::walk) continue;
      entry.node = masked(std::move(entry.node));
      ways.emplace(entry.node.inode, std::move(path));
    }
    take(std::move(part));
  });
}

Result<At<Xattrs>> ScopedReader::xattrs(Inode inode, const ReadAt& at) {
  auto answer =
      in_view<At<Xattrs>>(inode, [&] { return store_.xattrs(call_, volume_, inode, at); });
  if (answer || answer.error().code != Code::not_found) return answer;
  // A directory on the way has none to show.
  auto way = attributes(inode, at);
  if (!way) return way.error();
  return At<Xattrs>{{}, way->seq};
}

Result<At<std::vector<Change>>> ScopedReader::history(const HistoryQuery& query) {
  if (query.node && !query.removed_from) {
    auto seen = attributes(*query.node, {});
    if (!seen) return seen.error();
  }
  const std::size_t most =
      query.limit == 0 ? kPageEntriesMax : std::min(query.limit, kPageEntriesMax);
  HistoryQuery page = query;
  page.limit = kPageEntriesMax;
  At<std::vector<Change>> answer;
  for (std::size_t looked = 0; looked < kHistoryScanMax;) {
    auto read = store_.history(call_, volume_, page);
    if (!read) return read;
    answer.seq = read->seq;
    for (const Change& change : read->value) {
      Seen seen = seen_of(scope_, change);
      if (seen.change) answer.value.push_back(*std::move(seen.change));
      if (answer.value.size() == most) return answer;
    }
    if (read->value.size() < page.limit) return answer;
    looked += read->value.size();
    (query.newest_first || query.removed_from ? page.before : page.after) = read->value.back().seq;
  }
  if (!answer.value.empty()) return answer;
  const Seq reached = query.newest_first ? page.before : page.after;
  return Error{Code::too_big,
               "none of " + std::to_string(kHistoryScanMax) +
                   " changes concerns what this token sees: ask again " +
                   (query.newest_first ? "before" : "after") + " seq " + to_string(reached),
               to_string(reached)};
}

Result<At<std::vector<VersionInfo>>> ScopedReader::versions(const NodeRef& node) {
  return in_view<At<std::vector<VersionInfo>>>(
      node, [&] { return store_.versions(call_, volume_, node); });
}

Status ScopedReader::may_lock(Inode inode, bool exclusive) {
  auto right = right_of(inode, false);
  if (!right) return right.error();
  if (*right < Right::read) return absent(text_of(inode));
  if (!exclusive || *right == Right::write) return success();
  return Error{Code::read_only,
               "this token may read " + text_of(inode) +
                   " but not change it: ask for a grant that ends in :rw for it",
               text_of(inode)};
}

}  // namespace outboard::server
