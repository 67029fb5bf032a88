// ReferenceTree: what a volume should hold, in the simplest way that can be right.
//
// A map from path to what stands there, with hard links as shared files. Written without a look at
// core/commit*: where the two disagree, one of them is wrong. Keeps no versions and no times.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "core/result.h"

namespace outboard::tests {

class ReferenceTree {
 public:
  // Each answers how it was refused, or nothing when it was done.
  using Answer = std::optional<Code>;

  Answer create(const std::string& path);
  Answer mkdir(const std::string& path);
  Answer symlink(const std::string& path, const std::string& target);
  Answer link(const std::string& from, const std::string& to);
  Answer unlink(const std::string& path);
  Answer rmdir(const std::string& path, bool recursive);
  Answer rename(const std::string& from, const std::string& to);
  Answer exchange(const std::string& one, const std::string& other);
  Answer write(const std::string& path, std::size_t offset, const std::string& bytes);
  Answer truncate(const std::string& path, std::size_t size);
  Answer append(const std::string& path, const std::string& bytes);
  Answer publish(const std::string& path, const std::string& bytes);

  // Path → "d", "l target" or "f links bytes", as the store is shown by the test.
  std::map<std::string, std::string> shown() const;

 private:
  enum class What { file, directory, symlink };
  struct Thing {
    What what = What::file;
    std::string bytes;  // or the target
  };
  using Things = std::map<std::string, std::shared_ptr<Thing>>;

  // Why nothing can be reached at `path`: a parent is missing or is no directory.
  Answer blocked(const std::string& path) const;
  Answer file_at(const std::string& path, Thing*& file);
  const Thing* find(const std::string& path) const;
  bool is_directory(const std::string& path) const;
  bool has_children(const std::string& path) const;
  Answer add(const std::string& path, Thing thing);
  Things take(const std::string& path);
  void put(const std::string& path, const Things& things);

  Things things_;
};

}  // namespace outboard::tests
