// MemoryStore's search: reads every file below the roots, as a store without an index does.
#include <algorithm>

#include "core/memory_store.h"
#include "core/path.h"
#include "core/pattern.h"
#include "core/search_run.h"

namespace outboard {

Result<SearchSummary> MemoryStore::search(const Call& call, VolumeId volume,
                                          const SearchQuery& query, const TakeSearched& take) {
  if (auto good = check_search(query); !good) return good.error();
  auto pattern = Pattern::compile(query);
  if (!pattern) return pattern.error();
  Seq seq;
  std::map<std::string, std::pair<SearchCandidate, std::shared_ptr<const std::string>>> files;
  {
    const Lock lock(mutex_);
    auto found = reach(call, volume, ReadAt{query.at_least, {}});
    if (!found) return found.error();
    const MemoryVolume& tree = (*found)->tree;
    seq = tree.volume().head;
    for (auto& [path, node] : tree.files_by_path()) {
      const auto holds = [&](const std::string& root) { return is_within(path, root); };
      if (path <= query.after || std::none_of(query.roots.begin(), query.roots.end(), holds)) {
        continue;
      }
      auto kept = tree.content(node.inode, node.version);
      if (!kept || (*kept)->info.redacted) continue;
      files.emplace(path,
                    std::pair(SearchCandidate{path, node.inode, node.version, node.attributes.size},
                              (*kept)->bytes));
    }
  }
  SearchRun run(query, *pattern, call.deadline, take);
  for (const auto& [path, file] : files) {
    if (run.over(file.first.size)) break;
    if (run.wants(file.first) && !run.search(file.first, *file.second)) break;
    run.passed(path);
  }
  run.summary().seq = seq;
  return run.summary();
}

}  // namespace outboard
