// Local files: what the CLI reads from and writes to the machine it runs on.
//
// A volume's names were written by others: nothing is ever written through a symlink or above the
// folder it was meant for, and a file appears whole under its name or not at all.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

#include "core/digest.h"
#include "core/entry.h"
#include "core/result.h"

namespace outboard::cli {

// A descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd = -1) : fd_(fd) {}
  ~Descriptor();
  Descriptor(Descriptor&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Descriptor& operator=(Descriptor&& other) noexcept;
  int get() const { return fd_; }
  bool good() const { return fd_ >= 0; }

 private:
  int fd_;
};

// What `errno` says about `path`, as an Error: "cannot read /a/b: Permission denied".
Error system_error(std::string_view doing, const std::filesystem::path& path, int number);

// The whole of a file, or too_big when it is longer than `bytes_max`.
Result<std::string> read_file(const std::filesystem::path& path, std::uint64_t bytes_max);
// Bytes [offset, offset + size) of a file; fewer only at its end.
Result<std::string> read_piece(const std::filesystem::path& path, std::uint64_t offset,
                               std::uint64_t size);
// A file's size and SHA-256, without holding it. too_big: over kFileBytesMax.
struct Digested {
  std::uint64_t size = 0;
  Sha256 digest;
};
Result<Digested> digest_file(const std::filesystem::path& path);
Status write_all(int fd, std::string_view bytes, const std::filesystem::path& path);

// A file of mode 0600 that is there in full or not at all; without keep() nothing is left behind.
class SecretFile {
 public:
  static Result<SecretFile> create(const std::filesystem::path& path);
  ~SecretFile();
  SecretFile(SecretFile&& other) noexcept
      : path_(std::move(other.path_)),
        draft_(std::exchange(other.draft_, {})),
        fd_(std::move(other.fd_)) {}
  SecretFile& operator=(SecretFile&&) = delete;
  Status keep(std::string_view content);

 private:
  SecretFile(std::filesystem::path path, std::filesystem::path draft, Descriptor fd);
  std::filesystem::path path_;
  std::filesystem::path draft_;  // empty: renamed into place
  Descriptor fd_;
};

// A file on its way into a folder: it appears under its name, whole, with keep(); without, nothing
// is left behind.
class FileDraft {
 public:
  FileDraft(Descriptor parent, std::string name, std::string draft, Descriptor fd,
            std::filesystem::path shown);
  ~FileDraft();
  FileDraft(FileDraft&& other) noexcept
      : parent_(std::move(other.parent_)),
        name_(std::move(other.name_)),
        draft_(std::exchange(other.draft_, {})),
        fd_(std::move(other.fd_)),
        shown_(std::move(other.shown_)) {}
  FileDraft& operator=(FileDraft&&) = delete;

  Status write(std::string_view bytes) { return write_all(fd_.get(), bytes, shown_); }
  Status set_xattrs(const Xattrs& xattrs);  // those named user.* alone
  Status set_mode(std::uint32_t mode);
  Status keep();

 private:
  Descriptor parent_;
  std::string name_;
  std::string draft_;  // empty: renamed into place
  Descriptor fd_;
  std::filesystem::path shown_;
};

// A folder on this machine that a volume's tree is written into. Paths are the volume's:
// "/a/b.md" becomes FOLDER/a/b.md; directories on the way are made.
class TargetFolder {
 public:
  // Makes it when it is not there.
  static Result<TargetFolder> open(const std::filesystem::path& folder);

  Status make_directory(std::string_view path);
  Status put_file(std::string_view path, std::string_view bytes, bool executable);
  Result<FileDraft> begin_file(std::string_view path, bool executable);
  // A further name for a file; what stood there goes.
  Status put_link(std::string_view path, std::string_view first);
  // Of a directory that is there. Set-user-id and its like are left away.
  Status finish_directory(std::string_view path, std::uint32_t mode, const Xattrs& xattrs);
  Status put_symlink(std::string_view path, const std::string& target);
  // A file, a symlink or an empty directory.
  Status remove(std::string_view path);

 private:
  TargetFolder(std::filesystem::path folder, Descriptor root)
      : folder_(std::move(folder)), root_(std::move(root)) {}
  Result<Descriptor> open_parent(std::string_view path) const;

  std::filesystem::path folder_;
  Descriptor root_;
};

}  // namespace outboard::cli
