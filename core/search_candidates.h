// SearchCandidates: which files of a tree a search without an index must look at, by path.
//
// A store hands it all entries, parents before their children. Used by one thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "core/entry.h"
#include "core/search.h"
#include "core/search_run.h"

namespace outboard {

class SearchCandidates {
 public:
  // Files below the query's roots and behind its `after`. The query must outlive this.
  explicit SearchCandidates(const SearchQuery& query) : query_(query) {}

  void add(const std::vector<Entry>& entries);
  std::vector<SearchCandidate> take();

 private:
  bool asked(const std::string& path) const;

  const SearchQuery& query_;
  std::map<Inode, std::string> directories_;
  std::vector<SearchCandidate> found_;
};

}  // namespace outboard
