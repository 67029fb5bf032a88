// State: what folder and volume last had in common, path by path, across restarts.
//
// One file, FOLDER/.outboard-sync/state: a list that appears whole by a rename, then a line behind
// it for each path that changes, until there are more of those than of paths. A line carries its
// own checksum; from the first bad one on nothing is believed. A record that is lost so costs a
// comparison of contents, never a file. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/sync/folder.h"
#include "core/digest.h"
#include "core/entry.h"
#include "core/result.h"

namespace outboard::sync {

struct Record {
  Kind kind = Kind::file;  // file, directory or symlink
  Inode inode;             // there
  Version version;         // there; 0 of all but files
  bool executable = false;
  Sha256 digest;         // of the content, or of a symlink's target
  Stamp stamp;           // here
  bool settled = false;  // the stamp tells of every change since
  friend bool operator==(const Record&, const Record&) = default;
};

class State {
 public:
  // From an open directory, which outlives it and is called `shown`. `place` names volume and path;
  // conflict: the file speaks of another.
  static Result<State> load(int directory, const std::filesystem::path& shown,
                            std::string_view place);

  const Record* at(std::string_view path) const;
  void set(const std::string& path, const Record& record);
  void drop(const std::string& path);
  // All at and below `path`, in the order of their names.
  void each_within(std::string_view path,
                   const std::function<void(const std::string&, const Record&)>& visit) const;
  std::size_t size() const { return records_.size(); }
  // To the disk, what was set and dropped since.
  Status save();

 private:
  State(int directory, std::filesystem::path shown, std::string place)
      : directory_(directory), shown_(std::move(shown)), place_(std::move(place)) {}
  Status write_whole();

  int directory_;
  std::filesystem::path shown_;
  std::string place_;
  std::map<std::string, Record, std::less<>> records_;
  std::string unsaved_;            // lines
  std::size_t unsaved_lines_ = 0;  // in unsaved_
  std::size_t lines_behind_ = 0;   // in the file, behind the list
  Fd end_;                         // of the file; none: the next save writes it whole
};

}  // namespace outboard::sync
