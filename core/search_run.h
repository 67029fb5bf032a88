// SearchRun: one search on its way through a volume: which files to read, what to hand out, when to
// stop. A store brings candidates in the order of their paths and does what it is told.
//
// Used by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/pattern.h"
#include "core/search.h"

namespace outboard {

// A file that may match.
struct SearchCandidate {
  std::string path;
  Inode inode;
  Version version;
  std::uint64_t size = 0;
};

// The rules for a query that need no volume: limits, paths. First broken one.
Status check_search(const SearchQuery& query);

// `roots` without those that lie within others, in order; only "/" when that is among them.
std::vector<std::string> outermost(std::vector<std::string> roots);

class SearchRun {
 public:
  // The run ends of itself some time before `deadline`. All must outlive it.
  SearchRun(const SearchQuery& query, const Pattern& pattern, Moment deadline,
            const TakeSearched& take);

  // Whether the candidate's content is worth reading. Counts what is passed over.
  bool wants(const SearchCandidate& candidate);
  // Searches the content of a wanted one. False: the run is over.
  bool search(const SearchCandidate& candidate, std::string_view text);
  // Whether to stop before a content of so many bytes is read: then the next page begins there.
  bool over(std::uint64_t bytes);
  // All candidates up to this path were dealt with, wanted or not.
  void passed(const std::string& path) { last_ = path; }
  // For a content that need not be read whole to be known as binary.
  void pass_binary() { ++summary_.files_binary; }

  SearchSummary& summary() { return summary_; }

 private:
  bool stop(SearchCut why);

  const SearchQuery& query_;
  const Pattern& pattern_;
  const Moment stop_at_;
  const TakeSearched& take_;
  const std::uint64_t per_file_;
  std::uint64_t left_;  // matches, or files, that may still be handed out
  std::string last_;    // path up to which all candidates were dealt with
  bool over_ = false;
  SearchSummary summary_;
};

}  // namespace outboard
