#include "proto/convert_search.h"

#include "proto/convert.h"

namespace outboard::wire {

void write(const SearchQuery& query, v1::SearchRequest* to) {
  to->set_pattern(query.pattern);
  to->set_kind(write(query.kind));
  to->set_ignore_case(query.ignore_case);
  for (const std::string& root : query.roots) to->add_roots(root);
  to->set_glob(query.glob);
  to->set_show(write(query.show));
  to->set_context(query.context);
  to->set_matches_per_file_max(query.matches_per_file_max);
  to->set_matches_max(query.matches_max);
  to->set_after(query.after);
  write(ReadAt{query.at_least, {}}, to->mutable_at());
}

SearchQuery read(const v1::SearchRequest& from, Faults& faults) {
  SearchQuery query;
  query.pattern = from.pattern();
  query.kind = read(from.kind(), faults);
  query.ignore_case = from.ignore_case();
  if (from.roots_size() > 0) query.roots.assign(from.roots().begin(), from.roots().end());
  query.glob = from.glob();
  query.show = read(from.show(), faults);
  query.context = from.context();
  query.matches_per_file_max = from.matches_per_file_max();
  query.matches_max = from.matches_max();
  query.after = from.after();
  const ReadAt at = read(from.at(), faults);
  if (at.revision) faults.broken("at.revision", "cannot be set: a search reads the head");
  query.at_least = at.at_least;
  return query;
}

void write(const SearchedFile& file, v1::SearchedFile* to) {
  to->set_path(file.path);
  to->set_inode(file.inode.value);
  to->set_version(file.version.value);
  to->set_matches(file.matches);
  to->set_more(file.more);
  for (const SearchLine& line : file.lines) {
    auto* one = to->add_lines();
    one->set_number(line.number);
    one->set_offset(line.offset);
    one->set_text(line.text);
    one->set_skipped(line.skipped);
    one->set_cut(line.cut);
    for (const auto& [start, length] : line.spans) {
      one->add_spans(start);
      one->add_spans(length);
    }
  }
}

SearchedFile read(const v1::SearchedFile& from, Faults& faults) {
  SearchedFile file{from.path(),    Inode{from.inode()}, Version{from.version()},
                    from.matches(), from.more(),         {}};
  for (const auto& one : from.lines()) {
    SearchLine line{one.number(), one.offset(), one.text(), one.skipped(), one.cut(), {}};
    if (one.spans_size() % 2 != 0) faults.broken("spans", "must come in pairs");
    for (int i = 0; i + 1 < one.spans_size(); i += 2) {
      line.spans.emplace_back(one.spans(i), one.spans(i + 1));
    }
    file.lines.push_back(std::move(line));
  }
  return file;
}

void write(const SearchSummary& summary, v1::SearchSummary* to) {
  to->set_seq(summary.seq.value);
  to->set_cut(write(summary.cut));
  to->set_next(summary.next);
  to->set_files_read(summary.files_read);
  to->set_bytes_read(summary.bytes_read);
  to->set_files_binary(summary.files_binary);
  to->set_files_too_big(summary.files_too_big);
  to->set_index(write(summary.index));
}

SearchSummary read(const v1::SearchSummary& from, Faults& faults) {
  SearchSummary summary;
  summary.seq = Seq{from.seq()};
  summary.cut = read(from.cut(), faults);
  summary.next = from.next();
  summary.files_read = from.files_read();
  summary.bytes_read = from.bytes_read();
  summary.files_binary = from.files_binary();
  summary.files_too_big = from.files_too_big();
  summary.index = read(from.index(), faults);
  return summary;
}

}  // namespace outboard::wire
