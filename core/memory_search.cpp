// MemoryStore's search: reads every file below the roots, as a store without an index does.
#include "core/memory_store.h"
#include "core/pattern.h"
#include "core/search_candidates.h"

namespace outboard {

Result<SearchSummary> MemoryStore::search(const Call& call, VolumeId volume,
                                          const SearchQuery& query, const TakeSearched& take) {
  if (auto good = check_search(query); !good) return good.error();
  auto pattern = Pattern::compile(query);
  if (!pattern) return pattern.error();
  Seq seq;
  std::vector<std::pair<SearchCandidate, std::shared_ptr<const std::string>>> files;
  {
    const Lock lock(mutex_);
    auto found = reach(call, volume, ReadAt{query.at_least, {}});
    if (!found) return found.error();
    const MemoryVolume& tree = (*found)->tree;
    seq = tree.volume().head;
    SearchCandidates candidates(query);
    candidates.add(tree.now().entries());
    for (SearchCandidate& file : candidates.take()) {
      auto kept = tree.content(file.inode, file.version);
      if (kept && !(*kept)->info.redacted) files.emplace_back(std::move(file), (*kept)->bytes);
    }
  }
  SearchRun run(query, *pattern, call.deadline, take);
  for (const auto& [file, bytes] : files) {
    if (run.over(file.size)) break;
    if (run.wants(file) && !run.search(file, *bytes)) break;
    run.passed(file.path);
  }
  run.summary().seq = seq;
  return run.summary();
}

}  // namespace outboard
