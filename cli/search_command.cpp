#include "cli/search_command.h"

#include <algorithm>
#include <ostream>

#include "cli/json_output.h"
#include "cli/place.h"
#include "cli/safe_text.h"

namespace outboard::cli {
namespace {

// Prints what is found as it comes, and adds up what the pages of one search say.
class Finding {
 public:
  Finding(Context& context, const SearchQuery& query)
      : screen_(context.screen()), json_(context.json()), query_(query) {}

  void take(const SearchedFile& file) {
    ++files_;
    matches_ += file.matches;
    if (json_) return add_json(file);
    const std::string path = screen_.paint(Colour::cyan, printable(file.path));
    if (query_.show == SearchShow::files) screen_.out() << path << "\n";
    if (query_.show == SearchShow::counts) screen_.out() << path << ":" << file.matches << "\n";
    const SearchLine* before = nullptr;
    for (const SearchLine& line : file.lines) {
      const bool apart = before == nullptr ? shown_any_ : line.number != before->number + 1;
      if (query_.context > 0 && apart) screen_.out() << screen_.paint(Colour::dim, "--") << "\n";
      print_line(path, line);
      before = &line;
      shown_any_ = true;
    }
    if (file.more && query_.show == SearchShow::lines) ++files_cut_;
  }

  void add(const SearchSummary& page) {
    total_.seq = page.seq;
    total_.cut = page.cut;
    total_.next = page.next;
    total_.index = page.index;
    total_.files_read += page.files_read;
    total_.bytes_read += page.bytes_read;
    total_.files_binary += page.files_binary;
    total_.files_too_big += page.files_too_big;
  }

  std::uint64_t handed_out() const { return query_.show == SearchShow::lines ? matches_ : files_; }

  void finish() {
    if (json_) return print_document();
    std::string note = files_ == 0 ? "nothing matches" : counted(matches_, "line");
    if (files_ != 0 && query_.show == SearchShow::files) note = "matches";
    if (files_ != 0) note += " in " + counted(files_, "file");
    note += "; searched " + counted(total_.files_read, "file") + ", " +
            readable_size(total_.bytes_read);
    if (total_.index == SearchIndex::used) note += ", by the index";
    if (total_.index == SearchIndex::building) note += "; the index is being built";
    if (total_.files_binary != 0)
      note += "; passed over " + counted(total_.files_binary, "binary file");
    if (total_.files_too_big != 0) {
      note += "; passed over " + counted(total_.files_too_big, "file") + " over " +
              readable_size(kSearchFileBytesMax);
    }
    screen_.err() << screen_.paint_error(Colour::dim, note) << "\n";
    if (files_cut_ != 0 && total_.next.empty()) {
      warn(counted(files_cut_, "file") + " had more matches than are shown of one: --per-file N");
    }
    if (!total_.next.empty()) {
      warn("stopped at " + std::to_string(handed_out()) + " matches, behind " +
           printable(total_.next) + ": --max N shows more");
    }
  }

 private:
  void warn(const std::string& text) {
    screen_.err() << screen_.paint_error(Colour::yellow, "cut:") << " " << text << "\n";
  }

  void print_line(const std::string& path, const SearchLine& line) {
    const char sign = line.spans.empty() ? '-' : ':';
    screen_.out() << path << sign << screen_.paint(Colour::green, std::to_string(line.number))
                  << sign << (line.skipped != 0 ? "…" : "");
    const std::string_view text = line.text;
    std::size_t at = 0;
    for (const auto& [start, length] : line.spans) {
      screen_.out() << printable_lines(text.substr(at, start - at))
                    << (length == 0 ? "" : marked(text.substr(start, length)));
      at = start + length;
    }
    screen_.out() << printable_lines(text.substr(at)) << (line.cut ? "…" : "") << "\n";
  }
  std::string marked(std::string_view match) const {
    return screen_.paint(Colour::red, printable_lines(match));
  }

  void add_json(const SearchedFile& file) {
    Json one = {{"path", printable(file.path)},
                {"inode", file.inode.value},
                {"version", file.version.value},
                {"matches", file.matches},
                {"more", file.more}};
    if (query_.show == SearchShow::lines) one["lines"] = Json::array();
    for (const SearchLine& line : file.lines) {
      Json spans = Json::array();
      for (const auto& [start, length] : line.spans) spans.push_back({start, length});
      one["lines"].push_back({{"line", line.number},
                              {"offset", line.offset},
                              {"text", printable_lines(line.text)},
                              {"skipped", line.skipped},
                              {"cut", line.cut},
                              {"spans", spans}});
    }
    document_.push_back(std::move(one));
  }

  void print_document() {
    constexpr const char* kCuts[] = {"none", "matches", "bytes", "time"};
    constexpr const char* kIndexes[] = {"none", "building", "used"};
    print_json(screen_, {{"files", document_},
                         {"seq", total_.seq.value},
                         {"cut", kCuts[static_cast<std::size_t>(total_.cut)]},
                         {"next", printable(total_.next)},
                         {"files_read", total_.files_read},
                         {"bytes_read", total_.bytes_read},
                         {"files_binary", total_.files_binary},
                         {"files_too_big", total_.files_too_big},
                         {"index", kIndexes[static_cast<std::size_t>(total_.index)]}});
  }

  Screen& screen_;
  const bool json_;
  const SearchQuery& query_;
  SearchSummary total_;
  Json document_ = Json::array();
  std::uint64_t files_ = 0;
  std::uint64_t matches_ = 0;
  std::uint64_t files_cut_ = 0;
  bool shown_any_ = false;
};

Result<SearchQuery> query_of(const SearchOptions& options) {
  SearchQuery query;
  query.pattern = options.pattern;
  if (options.literal && options.words) {
    return Error{Code::invalid, "--literal and --words are two ways to read PATTERN: give one"};
  }
  if (options.literal) query.kind = SearchKind::literal;
  if (options.words) query.kind = SearchKind::words;
  if (options.files) query.show = SearchShow::files;
  if (options.counts) query.show = SearchShow::counts;
  query.ignore_case = options.ignore_case;
  query.context = options.context;
  query.matches_per_file_max = options.per_file_max;
  query.glob = options.glob;
  // "notes/*.md" is meant from the volume's root, as every path that is typed here.
  if (query.glob.find('/') != std::string::npos && !query.glob.starts_with('/')) {
    query.glob.insert(0, "/");
  }
  return query;
}

}  // namespace

Status search_volume(Context& context, const SearchOptions& options) {
  auto query = query_of(options);
  if (!query) return query.error();
  auto place = open_place(context, options.place);
  if (!place) return place.error();
  auto store = context.store();
  if (!store) return store.error();
  query->roots = {place->path};
  Finding finding(context, *query);
  do {
    const std::uint64_t left = options.matches_max - finding.handed_out();
    query->matches_max = static_cast<std::uint32_t>(left);
    auto page =
        (*store)->search(context.call(), place->volume.id, *query, [&](const SearchedFile& file) {
          finding.take(file);
          return true;
        });
    if (!page) return page.error();
    finding.add(*page);
    query->after = page->next;
    context.screen().out() << std::flush;
  } while (!query->after.empty() && finding.handed_out() < options.matches_max);
  finding.finish();
  return success();
}

}  // namespace outboard::cli
