// Search: what may be asked of the texts of a volume, and what is answered.
//
// Place in the flow: Store::search takes a SearchQuery and hands SearchedFiles out, in the order of
// their paths; core/pattern.h reads the query, core/text_search.h one text, core/search_run.h keeps
// to the limits. An index may say which files need not be read; it never says what matches, so that
// every store, with an index or without, answers the same.
//
// What always holds: a match lies within one line; a search ends within its limits and says in its
// summary which it met and where to go on. [S47]
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "core/ids.h"
#include "core/limits.h"

namespace outboard {

enum class SearchKind : std::uint8_t {
  regex,    // RE2's syntax, each line by itself
  literal,  // the pattern's bytes
  words,    // all of these words occur in the file, in any order; "two words" is a phrase within a
            // line, -word must not occur; case is ignored
};

enum class SearchShow : std::uint8_t {
  lines,   // each matching line
  files,   // which files match
  counts,  // how many lines of each file match
};

struct SearchQuery {
  std::string pattern;
  SearchKind kind = SearchKind::regex;
  bool ignore_case = false;
  // Files at and below any of these paths; none: no file. A wrapper that hides parts of a volume
  // narrows them.
  std::vector<std::string> roots{"/"};
  // Without "/": of the file's name ("*.md"); with: of its path ("/notes/**/*.md"). Empty: all.
  std::string glob;
  SearchShow show = SearchShow::lines;
  std::uint32_t context = 0;               // lines shown before and after each match
  std::uint32_t matches_per_file_max = 0;  // 0: kSearchMatchesPerFileMax
  std::uint32_t matches_max = 0;           // 0: kSearchMatchesMax
  std::string after;                       // only paths behind this one: SearchSummary::next
  Seq at_least;                            // wait for it
};

struct SearchLine {
  std::uint64_t number = 0;   // from 1
  std::uint64_t offset = 0;   // bytes from the file's start to the line's
  std::string text;           // without its end; at most kSearchLineBytesMax
  std::uint64_t skipped = 0;  // bytes of the line before `text`
  bool cut = false;           // the line goes on behind `text`
  // Where in `text` it matches, (start, length); none: a line of context.
  std::vector<std::pair<std::uint32_t, std::uint32_t>> spans;
  friend bool operator==(const SearchLine&, const SearchLine&) = default;
};

struct SearchedFile {
  std::string path;
  Inode inode;
  Version version;            // that was searched
  std::uint64_t matches = 0;  // lines that match
  bool more = false;          // it has further ones
  std::vector<SearchLine> lines;
  friend bool operator==(const SearchedFile&, const SearchedFile&) = default;
};

// Why a search ended before the last file.
enum class SearchCut : std::uint8_t { none, matches, bytes, time };

// How files were chosen.
enum class SearchIndex : std::uint8_t {
  none,      // all were read: this store has no index, or the pattern gives it nothing to go by
  building,  // all were read: the index is not ready yet
  used,
};

struct SearchSummary {
  Seq seq;  // as of which it is true
  SearchCut cut = SearchCut::none;
  std::string next;  // pass as `after` to go on; empty: that was all
  std::uint64_t files_read = 0;
  std::uint64_t bytes_read = 0;
  std::uint64_t files_binary = 0;   // passed over: a NUL byte in it
  std::uint64_t files_too_big = 0;  // passed over: over kSearchFileBytesMax
  SearchIndex index = SearchIndex::none;
};

// False: no more are wanted; the search ends as if that had been all.
using TakeSearched = std::function<bool(SearchedFile)>;

}  // namespace outboard
