// Folder: the local side of a sync. Every path is walked from the folder's own descriptor, name by
// name and through no symlink, so that nothing a volume names is read or written outside of it.
//
// What it puts down is made in FOLDER/.outboard-sync and renamed into place: half a file is never
// seen, and what a killed process left is swept out by the next. What it replaces was looked at
// before; should it have changed since, it is kept beside. One thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/entry.h"
#include "core/result.h"

namespace outboard::sync {

// The folder's own, at any depth: neither sent nor brought.
inline constexpr std::string_view kStateName = ".outboard-sync";
// Of what is under way, here or in a push: neither sent nor brought.
inline constexpr std::string_view kPartPrefix = ".outboard-part-";

class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  ~Fd();
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd& operator=(Fd&& other) noexcept;
  int get() const { return fd_; }
  bool good() const { return fd_ >= 0; }

 private:
  int fd_;
};

// Tells two states of a file apart without reading it.
struct Stamp {
  std::uint64_t inode = 0;
  std::uint64_t size = 0;
  std::int64_t modified = 0;  // nanoseconds
  std::int64_t changed = 0;
  friend bool operator==(const Stamp&, const Stamp&) = default;
};

struct Found {
  Kind kind = Kind::file;
  Stamp stamp;
  bool settled = false;  // too old for a change that the stamp would not show
  bool executable = false;
  std::uint32_t mode = 0644;
  std::string target = {};  // of a symlink
};

// What is written before it has its name.
class Draft {
 public:
  Draft(int folder, std::string name, Fd fd);
  ~Draft();
  Draft(Draft&& other) noexcept;
  Draft& operator=(Draft&&) = delete;
  Status write(std::string_view bytes);
  int fd() const { return fd_.get(); }

 private:
  friend class Folder;
  int folder_;
  std::string name_;  // empty: in place
  Fd fd_;             // none: a symlink
};

class Folder {
 public:
  // Makes it when it is not there. conflict: another process keeps it.
  static Result<Folder> open(const std::filesystem::path& path);

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path shown(std::string_view path) const;
  // Of FOLDER/.outboard-sync; the folder's own.
  int state_directory() const { return state_.get(); }
  // Whether FOLDER still leads to it.
  bool still_there() const;

  // Nothing where there is nothing, or no way to it.
  Result<std::optional<Found>> look(std::string_view path) const;
  // The names in a directory, but kStateName; not_found, not_directory.
  Result<std::vector<std::string>> list(std::string_view path) const;
  Result<Fd> open_directory(std::string_view path) const;
  // Whether a program has the file open for writing; false where the filesystem does not tell.
  bool has_writer(std::string_view path) const;
  // A file's bytes in order, to `take`. unavailable: it changed while it was read, or is no longer
  // what `stamp` says.
  Status read(std::string_view path, const Stamp& stamp,
              const std::function<Status(std::string_view)>& take) const;
  // Bytes [offset, offset + size); fewer at the end.
  Result<std::string> read_piece(std::string_view path, std::uint64_t offset,
                                 std::uint64_t size) const;

  Result<Draft> begin_file();
  Result<Draft> begin_symlink(const std::string& target);
  // On the disk, whatever happens to the machine: the drafts, or the directories of `paths`.
  Status settle(const std::vector<Draft>& drafts) const;
  Status settle(const std::vector<std::string>& paths) const;

  // Gives the draft its name; directories on the way are made. `over` is what was seen there.
  // unavailable: something else is there now. Returns what stands there, and where the bytes went
  // that came between, if any did.
  struct Placed {
    Found found;
    std::optional<std::string> displaced;
  };
  Result<Placed> place(Draft& draft, std::string_view path, bool executable,
                       const std::optional<Found>& over);
  Status make_directory(std::string_view path);
  Status set_executable(std::string_view path, bool executable);
  // A file or symlink that is still as it was seen; else unavailable, and it stays.
  Status remove(std::string_view path, const Found& seen);
  Status remove_directory(std::string_view path);  // not_empty
  // To a name beside it, of which `mark` is a part; the path that it got.
  Result<std::string> move_aside(std::string_view path, std::string_view mark);

 private:
  Folder(std::filesystem::path path, Fd root, Fd state, Fd lock);
  Result<Fd> open_parent(std::string_view path, bool make) const;
  Result<std::string> move_beside(int from, const std::string& name, std::string_view path,
                                  std::string_view mark);
  Error failed(std::string_view doing, std::string_view path, int number) const;
  std::string draft_name();

  std::filesystem::path path_;
  Fd root_;
  Fd state_;
  Fd lock_;
  std::uint64_t drafts_ = 0;
};

// The digest of what stands at `path`: of a file's content, of a symlink's target.
Result<Sha256> digest_of(const Folder& folder, std::string_view path, const Found& found);

}  // namespace outboard::sync
