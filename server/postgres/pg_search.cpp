#include "server/postgres/pg_search.h"

#include <algorithm>

#include "core/limits.h"
#include "core/path.h"
#include "server/postgres/gram_hash.h"
#include "server/postgres/name_text.h"
#include "server/postgres/read_errors.h"
#include "server/postgres/search_texts.h"

namespace outboard::server {
namespace {

constexpr Sql kBegin{"search_begin", "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"};
constexpr Sql kCommit{"search_commit", "COMMIT"};
constexpr Sql kState{"search_state",
                     "SELECT v.head_seq, v.pruned_seq, s.indexed_seq, s.built_inode "
                     "FROM volumes v LEFT JOIN search_volumes s ON s.volume = v.id "
                     "WHERE v.id = $1::bigint"};
#define OUTBOARD_SEARCH_RANGE                                                 \
  "WHERE d.volume = $1::bigint AND left(d.path, 600) >= left($2::text, 600) " \
  "AND left(d.path, 600) <= left($3::text, 600) AND d.path >= $2::text "      \
  "AND d.path < $3::text ORDER BY left(d.path, 600), d.path LIMIT $4"
constexpr Sql kAll{"search_all",
                   "SELECT d.path, n.inode, n.version, n.size FROM dentries d JOIN inodes n "
                   "ON n.volume = d.volume AND n.inode = d.inode AND n.kind = 0 "
                   "" OUTBOARD_SEARCH_RANGE};
// What the index does not rule out, and what changed since it was true. "+ 0": by the grams, never
// by a walk through the volume.
constexpr Sql kCandidates{
    "search_candidates",
    "WITH found AS MATERIALIZED ("
    "SELECT s.inode FROM unnest($5::text[]) AS needed(grams) "
    "JOIN search_files s ON s.grams @> needed.grams::int[] WHERE s.volume + 0 = $1::bigint "
    "UNION SELECT inode FROM changes WHERE volume = $1::bigint AND seq > $6::bigint) "
    "SELECT d.path, n.inode, n.version, n.size FROM found JOIN inodes n "
    "ON n.volume = $1::bigint AND n.inode = found.inode AND n.kind = 0 "
    "JOIN dentries d ON d.volume = n.volume AND d.inode = n.inode " OUTBOARD_SEARCH_RANGE};
constexpr std::size_t kCandidatesAtOnce = 1'024;

// Paths from `first` on, ahead of `end`; as the database spells them.
struct Range {
  std::string first;
  std::string end;
};

// The lowest text behind `text`: Postgres has no NUL.
std::string behind(const std::string& text) {
  return text + '\x01';
}

std::vector<Range> ranges_of(const SearchQuery& query) {
  const std::string after = query.after.empty() ? "" : behind(to_text(query.after));
  std::vector<Range> ranges;
  const auto add = [&](const std::string& first, const std::string& end) {
    if (end > after) ranges.push_back({std::max(first, after), end});
  };
  for (const std::string& root : outermost(query.roots)) {
    const std::string text = to_text(root);
    if (root == "/") {
      add("/", "0");  // "0" comes right behind "/"
    } else {
      add(text, behind(text));  // the root is a file
      add(text + "/", text + "0");
    }
  }
  std::sort(ranges.begin(), ranges.end(),
            [](const Range& a, const Range& b) { return a.first < b.first; });
  return ranges;
}

// One search within an open transaction.
class Searching {
 public:
  Searching(Connection& connection, const Call& call, VolumeId volume, const Pattern& pattern,
            SearchRun& run)
      : connection_(connection), call_(call), volume_(volume), run_(run), pattern_(pattern) {}

  Status begin(const Rows& state) {
    if (state.empty()) return no_volume(volume_);
    SearchSummary& summary = run_.summary();
    summary.seq = Seq{state.count(0, 0)};
    const bool built = !state.null(0, 2) && state.null(0, 3);
    indexed_ = state.count(0, 2);
    const bool near =
        built && state.count(0, 1) <= indexed_ && summary.seq.value - indexed_ <= kSearchLagMax;
    behind_ = !built || summary.seq.value != indexed_;
    if (pattern_.needs().empty()) return success();
    summary.index = near ? SearchIndex::used : SearchIndex::building;
    if (near) choose_grams();
    return success();
  }

  // Whether the indexer has something to do.
  bool index_is_behind() const { return behind_; }

  // False: the run is over.
  Result<bool> search(Range range) {
    for (;;) {
      auto rows = page(range);
      if (!rows) return rows.error();
      std::vector<SearchCandidate> candidates;
      for (std::size_t row = 0; row < rows->size(); ++row) {
        SearchCandidate candidate{rows->name(row, 0), Inode{rows->count(row, 1)},
                                  Version{rows->count(row, 2)}, rows->count(row, 3)};
        candidates.push_back(std::move(candidate));
      }
      auto more = take(candidates);
      if (!more || !*more) return more;
      if (!candidates.empty()) run_.passed(candidates.back().path);
      if (rows->size() < kCandidatesAtOnce) return true;
      if (run_.over(0)) return false;
      range.first = behind(rows->text(rows->size() - 1, 0));
    }
  }

 private:
  void choose_grams() {
    grams_.emplace(Column::Type::text);
    grams_->add_bytes(gram_array(volume_, {kAnyGram}));
    for (std::vector<Gram> grams : pattern_.needs()) {
      // Evenly from all: neighbours in a word say nearly the same.
      std::vector<Gram> chosen;
      const std::size_t stride = grams.size() / kSearchGramsAsked + 1;
      for (std::size_t i = 0; i < grams.size(); i += stride) chosen.push_back(grams[i]);
      grams_->add_bytes(gram_array(volume_, chosen));
    }
  }

  Result<Rows> page(const Range& range) {
    Params params;
    params.int8(volume_.value).bytes(range.first).bytes(range.end);
    params.int8(std::int64_t{kCandidatesAtOnce});
    if (!grams_) return connection_.run(kAll, params, call_.deadline);
    return connection_.run(kCandidates, params.array(*grams_).int8(indexed_), call_.deadline);
  }

  Result<bool> take(const std::vector<SearchCandidate>& candidates) {
    std::vector<SearchCandidate> wanted;
    const auto read = [&] {
      const TextTaker taker{[this](const SearchCandidate& file, std::string_view text) {
                              return run_.search(file, text);
                            },
                            [this](const SearchCandidate&) { run_.pass_binary(); },
                            [this](const SearchCandidate& file) { return run_.over(file.size); }};
      auto more = read_texts(connection_, volume_, wanted, taker, call_.deadline);
      wanted.clear();
      return more;
    };
    for (const SearchCandidate& candidate : candidates) {
      if (!run_.wants(candidate)) continue;
      wanted.push_back(candidate);
      if (wanted.size() < kTextsAtOnce) continue;
      auto more = read();
      if (!more || !*more) return more;
    }
    return read();
  }

  Connection& connection_;
  const Call& call_;
  const VolumeId volume_;
  SearchRun& run_;
  const Pattern& pattern_;
  std::uint64_t indexed_ = 0;
  bool behind_ = false;
  std::optional<Column> grams_;  // of each alternative; unset: no index
};

}  // namespace

Result<SearchSummary> PgSearch::search(const Call& call, VolumeId volume, const SearchQuery& query,
                                       const TakeSearched& take) {
  if (auto good = check_search(query); !good) return good.error();
  auto pattern = Pattern::compile(query);
  if (!pattern) return pattern.error();
  auto borrowed = pool_.borrow(call.deadline);
  if (!borrowed) return borrowed.error();
  Connection& connection = **borrowed;
  Params key;
  key.int8(volume.value);
  auto opened = connection.run({{kBegin, {}}, {kState, key}}, call.deadline);
  if (!opened) return opened.error();
  SearchRun run(query, *pattern, call.deadline, take);
  Searching searching(connection, call, volume, *pattern, run);
  Status done = searching.begin((*opened)[1]);
  for (const Range& range : ranges_of(query)) {
    if (!done) break;
    auto more = searching.search(range);
    if (!more) done = more.error();
    if (!more || !*more) break;
  }
  auto ended = connection.run(kCommit, {}, call.deadline);
  if (!done) return done.error();
  if (!ended) return ended.error();
  if (searching.index_is_behind()) indexer_.want(volume);
  return run.summary();
}

}  // namespace outboard::server
