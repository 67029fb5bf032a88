// SearchIndexer: keeps the search index of volumes that are searched, behind the backs of those who
// write.
//
// Place in the flow: a search that found the index absent or behind calls want(); this thread reads
// the log from where the index stands and writes the grams of what changed. A first build walks the
// nodes. Nothing waits for it: until it has come so far, searches read what is missing by
// themselves.
//
// What always holds: the grams in search_files are those of the content as of indexed_seq or later,
// for every file that was not changed since. One server at a time works on a volume (an advisory
// lock); each step is one short transaction that locks no row of a tree. [D25]
//
// want() from any thread; step() by the one thread, or by a test that has no thread.
#pragma once

#include <set>
#include <string>
#include <thread>

#include "core/grams.h"
#include "core/guarded.h"
#include "server/postgres/connection.h"

namespace outboard::server {

class SearchIndexer {
 public:
  explicit SearchIndexer(std::string url);
  ~SearchIndexer();
  SearchIndexer(const SearchIndexer&) = delete;
  SearchIndexer& operator=(const SearchIndexer&) = delete;

  void want(VolumeId volume);

  // One transaction's work. False: the index is as far as the log, or another server is at it.
  static Result<bool> step(Connection& connection, GramCollector& collector, VolumeId volume);

 private:
  struct Wishes {
    std::set<VolumeId> volumes;
    bool stopping = false;
  };
  void run();
  bool next(VolumeId& volume);
  Result<bool> step(VolumeId volume);
  Status settle();

  const std::string url_;
  Mutex mutex_;
  Condition wished_;
  Wishes wishes_ GUARDED_BY(mutex_);
  std::unique_ptr<Connection> connection_;  // the thread's own, as the next
  GramCollector collector_;
  std::thread thread_;
};

}  // namespace outboard::server
