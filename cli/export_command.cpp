#include "cli/export_command.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <map>
#include <ostream>

#include "cli/amounts.h"
#include "cli/json_output.h"
#include "cli/local_files.h"
#include "cli/log_command.h"
#include "cli/tar_writer.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

// A new file for its owner's eyes only.
Result<Descriptor> create(const fs::path& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.good()) return file;
  return system_error("cannot make", path, errno);
}

Status put_content(Context& context, Store& store, VolumeId volume, const Node& node,
                   TarWriter& tar) {
  for (std::uint64_t offset = 0; offset < node.attributes.size;) {
    auto read = store.read(context.call(), volume, node.inode, node.version, offset, kReadBytesMax);
    if (!read) return read.error();
    if (read->value.bytes.empty()) {
      return Error{Code::corrupt, "a file ends before its size: inode " + to_string(node.inode)};
    }
    offset += read->value.bytes.size();
    if (auto put = tar.write(read->value.bytes); !put) return put;
  }
  return success();
}

// The volume as of one seq.
Status put_volume(Context& context, Store& store, const Volume& volume, const fs::path& path) {
  auto file = create(path);
  if (!file) return file.error();
  std::vector<Entry> entries;
  SnapshotQuery query;
  query.bodies_bytes_max = 0;
  auto seq = store.snapshot(context.call(), volume.id, query, [&](SnapshotPart part) {
    std::move(part.entries.begin(), part.entries.end(), std::back_inserter(entries));
  });
  if (!seq) return seq.error();
  std::map<Inode, std::string> directories;
  TarWriter tar(file->get(), path);
  for (const Entry& entry : entries) {
    if (entry.node.inode == kRootInode) continue;
    const auto above = directories.find(entry.dentry.parent);
    const std::string name =
        above == directories.end() ? entry.dentry.name : above->second + "/" + entry.dentry.name;
    if (entry.node.is(Kind::directory)) directories.emplace(entry.node.inode, name);
    if (auto begun = tar.begin(name, entry.node); !begun) return begun;
    if (entry.node.is(Kind::file)) {
      auto put = put_content(context, store, volume.id, entry.node, tar);
      if (!put) return put;
    }
    if (auto ended = tar.end(); !ended) return ended;
  }
  return tar.finish();
}

// What the person did in this volume, oldest first. How many changes that were.
Result<std::uint64_t> put_log(Context& context, Store& store, const Volume& volume,
                              const std::string& user, int fd, const fs::path& path) {
  HistoryQuery query;
  query.newest_first = false;
  query.limit = kPageEntriesMax;
  std::uint64_t count = 0;
  for (;;) {
    auto page = store.history(context.call(), volume.id, query);
    if (!page) return page.error();
    std::string lines;
    for (const Change& change : page->value) {
      if (change.origin.principal != user) continue;
      Json line = json_of(change);
      line["volume"] = volume.name;
      lines += line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
      ++count;
    }
    if (auto put = write_all(fd, lines, path); !put) return put.error();
    if (page->value.empty()) return count;
    query.after = page->value.back().seq;
  }
}

// All volumes of the organisation, each of which the token may read.
Result<std::vector<Volume>> readable_volumes(Context& context, const std::string& organisation) {
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto store = context.store();
  if (!store) return store.error();
  auto volumes = (*admin)->volumes(context.call(), organisation);
  if (!volumes) return volumes;
  for (const Volume& volume : *volumes) {
    if ((*store)->open_volume(context.call(), volume.name)) continue;
    return Error{Code::no_access,
                 "the token may not read " + volume.name +
                     ", so the export would not be whole: mint one with --admin --grant '" +
                     organisation + "/*:ro'",
                 volume.name};
  }
  return volumes;
}

}  // namespace

Status export_person(Context& context, const ExportOptions& options) {
  auto name = parse_user(options.user);
  if (!name) return name.error();
  auto volumes = readable_volumes(context, name->first);
  if (!volumes) return volumes.error();
  auto store = context.store();
  if (!store) return store.error();
  std::error_code failed;
  const fs::path folder = options.folder;
  fs::create_directories(folder, failed);
  if (failed) return system_error("cannot make", folder, failed.value());
  Screen& screen = context.screen();
  const std::string own = name->first + "/~" + name->second + "/";
  for (const Volume& volume : *volumes) {
    if (!volume.name.starts_with(own)) continue;
    std::string file = volume.name.substr(own.size());
    std::replace(file.begin(), file.end(), '/', '_');
    if (auto put = put_volume(context, **store, volume, folder / (file + ".tar")); !put) return put;
    screen.out() << screen.paint(Colour::green, "exported") << " " << printable(volume.name)
                 << " to " << printable((folder / (file + ".tar")).string()) << "\n";
  }
  const fs::path log = folder / "log.jsonl";
  auto file = create(log);
  if (!file) return file.error();
  std::uint64_t changes = 0;
  for (const Volume& volume : *volumes) {
    auto count = put_log(context, **store, volume, name->second, file->get(), log);
    if (!count) return count.error();
    changes += *count;
  }
  screen.out() << screen.paint(Colour::green, "exported") << " " << changes << " changes to "
               << printable(log.string()) << "\n";
  return success();
}

}  // namespace outboard::cli
