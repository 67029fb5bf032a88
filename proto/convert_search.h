// Between core/search.h and its messages. As convert.h: pure, any thread.
#pragma once

#include "core/search.h"
#include "outboard/v1/store.pb.h"
#include "proto/faults.h"

namespace outboard::wire {

v1::SearchKind write(SearchKind kind);
SearchKind read(v1::SearchKind kind, Faults& faults);
v1::SearchShow write(SearchShow show);
SearchShow read(v1::SearchShow show, Faults& faults);
v1::SearchCut write(SearchCut cut);
SearchCut read(v1::SearchCut cut, Faults& faults);
v1::SearchIndex write(SearchIndex index);
SearchIndex read(v1::SearchIndex index, Faults& faults);

void write(const SearchQuery& query, v1::SearchRequest* to);
SearchQuery read(const v1::SearchRequest& from, Faults& faults);
void write(const SearchedFile& file, v1::SearchedFile* to);
SearchedFile read(const v1::SearchedFile& from, Faults& faults);
void write(const SearchSummary& summary, v1::SearchSummary* to);
SearchSummary read(const v1::SearchSummary& from, Faults& faults);

}  // namespace outboard::wire
