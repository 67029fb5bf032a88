#include "cli/tar/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>

#include <array>

#include "core/limits.h"
#include "core/path.h"

namespace outboard::tar {
namespace {

Error refuse(Code code, const std::string& name, const std::string& rule) {
  Error error{code, "the archive's member \"" + name + "\" " + rule};
  error.subject = name;
  return error;
}

// "./a/b/" → "/a/b".
Result<std::string> path_of(const std::string& name) {
  if (name.starts_with('/')) {
    return refuse(Code::invalid, name,
                  "has an absolute name: make the archive with relative ones (tar -C DIR .)");
  }
  std::string path;
  std::string_view rest = name;
  while (!rest.empty()) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    rest = slash == std::string_view::npos ? "" : rest.substr(slash + 1);
    if (part.empty() || part == ".") continue;
    if (auto good = check_name(part); !good) {
      return refuse(good.error().code, name, "cannot stand in a volume: " + good.error().message);
    }
    path += "/" + std::string(part);
  }
  if (path.empty()) path = "/";
  if (auto good = check_path(path); !good) return refuse(good.error().code, name, "is too long");
  return path;
}

// Whether a symlink at `path` stays within the tree, as far as its words say.
bool stays_within(const std::string& path, std::string_view target) {
  if (target.starts_with('/')) return false;
  auto depth = static_cast<std::ptrdiff_t>(components_of(path).size()) - 1;
  while (!target.empty()) {
    const std::size_t slash = target.find('/');
    const std::string_view part = target.substr(0, slash);
    target = slash == std::string_view::npos ? "" : target.substr(slash + 1);
    if (part == "..") --depth;
    if (part != ".." && part != "." && !part.empty()) ++depth;
    if (depth < 0) return false;
  }
  return true;
}

std::string text(const char* from) {
  return from == nullptr ? std::string() : std::string(from);
}

}  // namespace

struct TarReader::Parts {
  explicit Parts(NextBytes next_bytes) : next(std::move(next_bytes)), archive(archive_read_new()) {}
  ~Parts() { archive_read_free(archive); }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  // libarchive asks for bytes; an error of the stream waits in `failed`.
  static la_ssize_t give(struct archive*, void* self, const void** bytes) {
    auto& parts = *static_cast<Parts*>(self);
    auto got = parts.next();
    if (!got) {
      parts.failed = got.error();
      return ARCHIVE_FATAL;
    }
    *bytes = got->data();
    return static_cast<la_ssize_t>(got->size());
  }

  Status open() {
    opened = true;
    archive_read_support_format_tar(archive);
    archive_read_support_format_gnutar(archive);
    archive_read_support_format_empty(archive);
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    const int done = archive_read_open(archive, this, nullptr, &Parts::give, nullptr);
    return done == ARCHIVE_OK ? success() : Status(damaged());
  }

  Error damaged() const {
    if (failed) return *failed;
    return Error{Code::corrupt, "this is no tar archive, or a damaged one: " +
                                    text(archive_error_string(archive))};
  }

  Result<TarEntry> read(archive_entry* from) const;
  Status read_xattrs(archive_entry* from, const std::string& name, Xattrs& xattrs) const;

  NextBytes next;
  struct archive* const archive;
  std::optional<Error> failed;
  bool opened = false;
  std::size_t members = 0;
  std::set<std::string> files;  // paths that a hard link may name
};

Status TarReader::Parts::read_xattrs(archive_entry* from, const std::string& name,
                                     Xattrs& xattrs) const {
  const char* key = nullptr;
  const void* value = nullptr;
  std::size_t size = 0;
  archive_entry_xattr_reset(from);
  while (archive_entry_xattr_next(from, &key, &value, &size) == ARCHIVE_OK) {
    if (!text(key).starts_with("user.")) continue;  // the others are the machine's, not the file's
    if (size > kXattrValueBytesMax || text(key).size() > kXattrNameBytesMax) {
      return refuse(Code::too_big, name, "has an extended attribute over the limit");
    }
    xattrs[text(key)] = std::string(static_cast<const char*>(value), size);
  }
  return success();
}

Result<TarEntry> TarReader::Parts::read(archive_entry* from) const {
  const std::string name = text(archive_entry_pathname(from));
  auto path = path_of(name);
  if (!path) return path.error();
  TarEntry entry;
  entry.path = *std::move(path);
  entry.mode = static_cast<std::uint32_t>(archive_entry_perm(from)) & 07777U;
  entry.modified.nanoseconds =
      archive_entry_mtime(from) * 1'000'000'000 + archive_entry_mtime_nsec(from);
  if (const char* link = archive_entry_hardlink(from); link != nullptr) {
    auto target = path_of(link);
    if (!target) return target.error();
    if (!files.contains(*target)) {
      return refuse(
          Code::invalid, name,
          "is a link to \"" + text(link) + "\", which is no file before it in the archive");
    }
    entry.link_of = *std::move(target);
    return entry;
  }
  switch (archive_entry_filetype(from)) {
    case AE_IFDIR: entry.kind = Kind::directory; break;
    case AE_IFREG: entry.size = static_cast<std::uint64_t>(archive_entry_size(from)); break;
    case AE_IFLNK:
      entry.kind = Kind::symlink;
      entry.target = text(archive_entry_symlink(from));
      break;
    default:
      return refuse(Code::invalid, name,
                    "is a device, pipe or socket: only files, directories and links are taken");
  }
  if (entry.path == "/" && entry.kind != Kind::directory) {
    return refuse(Code::invalid, name, "has no name of its own");
  }
  if (entry.size > kFileBytesMax) {
    return refuse(Code::too_big, name,
                  "has " + std::to_string(entry.size) + " bytes, the most for a file are " +
                      std::to_string(kFileBytesMax));
  }
  if (entry.kind == Kind::symlink && !stays_within(entry.path, entry.target)) {
    return refuse(Code::invalid, name,
                  "is a symlink that leads out of the archive, to \"" + entry.target +
                      "\": leave it out (tar --exclude)");
  }
  if (auto done = read_xattrs(from, name, entry.xattrs); !done) return done.error();
  return entry;
}

TarReader::TarReader(NextBytes next) : parts_(std::make_unique<Parts>(std::move(next))) {}
TarReader::~TarReader() = default;

Result<std::optional<TarEntry>> TarReader::next() {
  if (!parts_->opened) {
    if (auto opened = parts_->open(); !opened) return opened.error();
  }
  archive_entry* from = nullptr;
  const int done = archive_read_next_header(parts_->archive, &from);
  if (done == ARCHIVE_EOF) return std::optional<TarEntry>();
  if (done != ARCHIVE_OK && done != ARCHIVE_WARN) return parts_->damaged();
  if (++parts_->members > kTarEntriesMax) {
    return Error{Code::too_big, "the archive has over " + std::to_string(kTarEntriesMax) +
                                    " members: push it in parts"};
  }
  auto entry = parts_->read(from);
  if (!entry) return entry.error();
  if (entry->kind == Kind::file) parts_->files.insert(entry->path);
  return std::optional(*std::move(entry));
}

Status TarReader::read(const std::function<Status(std::string_view)>& take) {
  std::array<char, 1U << 16U> part{};
  for (;;) {
    const la_ssize_t got = archive_read_data(parts_->archive, part.data(), part.size());
    if (got < 0) return parts_->damaged();
    if (got == 0) return success();
    if (auto taken = take({part.data(), static_cast<std::size_t>(got)}); !taken) return taken;
  }
}

}  // namespace outboard::tar
