#include "cli/tar/tar_writer.h"

#include <archive.h>
#include <archive_entry.h>

#include <optional>

namespace outboard::tar {
namespace {

// "/a/b" → "a/b", "/" → ".": as `tar -C DIR .` names them.
std::string name_of(const std::string& path) {
  return path == "/" ? "." : path.substr(1);
}

struct FreeEntry {
  void operator()(archive_entry* entry) const { archive_entry_free(entry); }
};

}  // namespace

struct TarWriter::Parts {
  explicit Parts(TakeBytes take_bytes) : take(std::move(take_bytes)), archive(archive_write_new()) {
    archive_write_set_format_pax_restricted(archive);
    archive_write_set_bytes_in_last_block(archive, 1);
    archive_write_open(archive, this, nullptr, &Parts::put, nullptr);
  }
  ~Parts() {
    // Not finished: what was written stays as it is, a cut archive that readers refuse.
    if (!finished) archive_write_fail(archive);
    archive_write_free(archive);
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  static la_ssize_t put(struct archive* archive, void* self, const void* bytes, std::size_t size) {
    auto& parts = *static_cast<Parts*>(self);
    auto taken = parts.take({static_cast<const char*>(bytes), size});
    if (taken) return static_cast<la_ssize_t>(size);
    parts.failed = taken.error();
    archive_set_error(archive, -1, "the reader is gone");
    return -1;
  }
  Status done(la_ssize_t code) {
    if (code >= ARCHIVE_WARN) return success();
    if (failed) return *failed;
    const char* why = archive_error_string(archive);
    return Error{Code::invalid, std::string("the tree cannot stand in a tar archive: ") +
                                    (why == nullptr ? "" : why)};
  }

  TakeBytes take;
  struct archive* const archive;
  std::optional<Error> failed;
  bool finished = false;
};

TarWriter::TarWriter(TakeBytes take) : parts_(std::make_unique<Parts>(std::move(take))) {}
TarWriter::~TarWriter() = default;

Status TarWriter::begin(const TarEntry& entry) {
  const std::unique_ptr<archive_entry, FreeEntry> to(archive_entry_new());
  archive_entry_set_pathname(to.get(), name_of(entry.path).c_str());
  archive_entry_set_perm(to.get(), static_cast<mode_t>(entry.mode));
  constexpr std::int64_t kSecond = 1'000'000'000;
  archive_entry_set_mtime(to.get(), entry.modified.nanoseconds / kSecond,
                          static_cast<long>(entry.modified.nanoseconds % kSecond));
  const bool file = entry.kind == Kind::file;
  archive_entry_set_filetype(to.get(), entry.kind == Kind::directory ? AE_IFDIR
                                       : entry.kind == Kind::symlink ? AE_IFLNK
                                                                     : AE_IFREG);
  archive_entry_set_size(to.get(),
                         file && entry.link_of.empty() ? static_cast<std::int64_t>(entry.size) : 0);
  if (entry.kind == Kind::symlink) archive_entry_set_symlink(to.get(), entry.target.c_str());
  if (!entry.link_of.empty()) {
    archive_entry_set_hardlink(to.get(), name_of(entry.link_of).c_str());
  }
  for (const auto& [name, value] : entry.xattrs) {
    archive_entry_xattr_add_entry(to.get(), name.c_str(), value.data(), value.size());
  }
  return parts_->done(archive_write_header(parts_->archive, to.get()));
}

Status TarWriter::write(std::string_view bytes) {
  return parts_->done(archive_write_data(parts_->archive, bytes.data(), bytes.size()));
}

Status TarWriter::finish() {
  parts_->finished = true;
  return parts_->done(archive_write_close(parts_->archive));
}

}  // namespace outboard::tar
