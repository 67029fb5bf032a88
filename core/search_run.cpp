#include "core/search_run.h"

#include <algorithm>

#include "core/limits.h"
#include "core/path.h"
#include "core/text_search.h"

namespace outboard {
namespace {

// What is left when the deadline is near is spent on the answer's way back.
Moment stop_at(Moment deadline) {
  if (deadline == Moment::max()) return deadline;
  const auto left = deadline - std::chrono::steady_clock::now();
  return deadline - std::min<Moment::duration>(left / 8, kSearchReserve);
}

std::uint64_t bounded_by(std::uint32_t asked, std::uint32_t most) {
  return asked == 0 ? most : std::min(asked, most);
}

Error refuse(std::string message) {
  return Error{Code::invalid, std::move(message)};
}

}  // namespace

Status check_search(const SearchQuery& query) {
  if (query.pattern.empty()) {
    return refuse("an empty pattern matches every line: give what is looked for");
  }
  if (query.pattern.size() > kPatternBytesMax || query.glob.size() > kPatternBytesMax) {
    return refuse(
        "a pattern of " + std::to_string(std::max(query.pattern.size(), query.glob.size())) +
        " bytes, the limit is " + std::to_string(kPatternBytesMax) + ": search for a part of it");
  }
  if (query.kind != SearchKind::words && query.pattern.find('\n') != std::string::npos) {
    return refuse(
        "the pattern has a line's end in it, and a match lies within one line: search "
        "for one of its lines");
  }
  if (query.context > kSearchContextMax) {
    return refuse(std::to_string(query.context) + " lines of context, the limit is " +
                  std::to_string(kSearchContextMax) + ": read the file around the match");
  }
  if (query.roots.size() > kSearchRootsMax) {
    return refuse(std::to_string(query.roots.size()) + " paths to search below, the limit is " +
                  std::to_string(kSearchRootsMax) + ": search in several");
  }
  for (const std::string& root : query.roots) {
    if (auto good = check_path(root); !good) return good;
  }
  return success();
}

std::vector<std::string> outermost(std::vector<std::string> roots) {
  std::sort(roots.begin(), roots.end());
  std::vector<std::string> kept;
  for (std::string& root : roots) {
    const bool covered = std::any_of(
        kept.begin(), kept.end(), [&](const std::string& above) { return is_within(root, above); });
    if (!covered) kept.push_back(std::move(root));
  }
  return kept;
}

SearchRun::SearchRun(const SearchQuery& query, const Pattern& pattern, Moment deadline,
                     const TakeSearched& take)
    : query_(query),
      pattern_(pattern),
      stop_at_(stop_at(deadline)),
      take_(take),
      per_file_(bounded_by(query.matches_per_file_max, kSearchMatchesPerFileMax)),
      left_(bounded_by(query.matches_max, kSearchMatchesMax)),
      last_(query.after) {}

bool SearchRun::stop(SearchCut why) {
  over_ = true;
  summary_.cut = why;
  summary_.next = last_;
  return true;
}

bool SearchRun::over(std::uint64_t bytes) {
  if (over_) return true;
  if (left_ == 0) return stop(SearchCut::matches);
  if (summary_.bytes_read > 0 && summary_.bytes_read + bytes > kSearchBytesMax) {
    return stop(SearchCut::bytes);
  }
  // A first file is always dealt with, so that a search that is gone on with comes to its end.
  if (last_ != query_.after && std::chrono::steady_clock::now() >= stop_at_) {
    return stop(SearchCut::time);
  }
  return false;
}

bool SearchRun::wants(const SearchCandidate& candidate) {
  if (candidate.size == 0 || !pattern_.takes_path(candidate.path)) return false;
  if (candidate.size <= kSearchFileBytesMax) return true;
  ++summary_.files_too_big;
  return false;
}

bool SearchRun::search(const SearchCandidate& candidate, std::string_view text) {
  last_ = candidate.path;
  if (is_binary(text)) {
    pass_binary();
    return true;
  }
  ++summary_.files_read;
  summary_.bytes_read += text.size();
  const bool lines = query_.show == SearchShow::lines;
  TextLimits limits{lines ? std::min(per_file_, left_) : kSearchFileBytesMax, query_.context,
                    query_.show};
  auto found = search_text(pattern_, text, limits);
  if (!found) return true;
  left_ -= lines ? found->matches : 1;
  found->path = candidate.path;
  found->inode = candidate.inode;
  found->version = candidate.version;
  if (!take_(*std::move(found))) over_ = true;
  return !over_;
}

}  // namespace outboard
