// ReviewedStore's search for readers: the index tells of the head, so what is published is read.
//
// Costs what the published tree has below the roots, within the search's own limits. Whoever may
// write, and everybody in a direct volume, is answered by the store below.
#include "core/pattern.h"
#include "core/search_candidates.h"
#include "server/reviewed_store.h"

namespace outboard::server {
namespace {

// Nothing when the version's bytes were redacted.
Result<std::optional<std::string>> whole(Store& store, const Call& call, VolumeId volume,
                                         const SearchCandidate& file) {
  std::string bytes;
  while (bytes.size() < file.size) {
    auto piece = store.read(call, volume, file.inode, file.version, bytes.size(), kReadBytesMax);
    if (!piece && piece.error().code == Code::not_found) return std::optional<std::string>();
    if (!piece) return piece.error();
    if (piece->value.bytes.empty()) break;
    bytes += piece->value.bytes;
  }
  return std::optional(std::move(bytes));
}

}  // namespace

Result<SearchSummary> ReviewedStore::search(const Call& call, VolumeId volume,
                                            const SearchQuery& query, const TakeSearched& take) {
  std::optional<Seq> seen;
  auto below = placed(call, volume, ReadAt{query.at_least, {}}, seen);
  if (!below) return below.error();
  if (!seen) return store_.search(call, volume, query, take);
  if (auto good = check_search(query); !good) return good.error();
  auto pattern = Pattern::compile(query);
  if (!pattern) return pattern.error();
  SearchCandidates candidates(query);
  if (!query.roots.empty()) {  // else there is no file to search, and no part to ask for
    auto taken = store_.snapshot(call, volume, SnapshotQuery{*below, 0, outermost(query.roots)},
                                 [&](const SnapshotPart& part) { candidates.add(part.entries); });
    if (!taken) return taken.error();
  }
  SearchRun run(query, *pattern, call.deadline, take);
  for (const SearchCandidate& file : candidates.take()) {
    if (run.over(file.size)) break;
    if (run.wants(file)) {
      auto bytes = whole(store_, call, volume, file);
      if (!bytes) return bytes.error();
      if (*bytes && !run.search(file, **bytes)) break;
    }
    run.passed(file.path);
  }
  run.summary().seq = *seen;
  return run.summary();
}

}  // namespace outboard::server
