#include "cli/source.h"

#include <fstream>
#include <istream>

#include "cli/git_source.h"
#include "cli/tar/tar_reader.h"
#include "core/path.h"
#include "core/running_sha256.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

tar::NextBytes bytes_of(std::istream& in) {
  auto part = std::make_shared<std::string>(1U << 16U, '\0');
  return [&in, part]() -> Result<std::string_view> {
    in.read(part->data(), static_cast<std::streamsize>(part->size()));
    if (in.bad()) return Error{Code::invalid, "the archive could not be read to its end"};
    return std::string_view(*part).substr(0, static_cast<std::size_t>(in.gcount()));
  };
}

bool any_clutter(std::string_view path) {
  for (const std::string_view name : components_of(path)) {
    if (is_clutter(name)) return true;
  }
  return false;
}

// Takes an archive's members into a tree.
class Unpacking {
 public:
  Unpacking(Source& source, const std::string& at, const FolderRules& rules)
      : source_(source), at_(at), rules_(rules) {}

  Status unpack(std::istream& in) {
    LocalNode top;
    top.kind = Kind::directory;
    source_.tree.emplace(at_, std::move(top));
    tar::TarReader reader(bytes_of(in));
    for (;;) {
      auto entry = reader.next();
      if (!entry) return entry.error();
      if (!*entry) return success();
      if (passed_over((*entry)->path)) continue;
      if (auto taken = take(**entry, reader); !taken) return taken;
    }
  }

 private:
  bool passed_over(std::string_view path) const {
    return (!rules_.clutter && any_clutter(path)) || rules_.excluded.take(path);
  }

  std::string placed(const std::string& path) const {
    if (at_ == "/") return path;
    return path == "/" ? at_ : at_ + path;
  }

  Status take(const tar::TarEntry& entry, tar::TarReader& reader) {
    const std::string path = placed(entry.path);
    if (auto good = check_path(path); !good) return good;
    if (auto made = make_parents(path); !made) return made;
    LocalNode node;
    node.kind = entry.kind;
    node.source = fs::path(entry.path.substr(1));  // as messages name it
    node.target = entry.target;
    node.xattrs = entry.xattrs;
    if (entry.kind != Kind::symlink) node.permissions = entry.mode;
    if (!entry.link_of.empty()) {
      const auto first = source_.tree.find(placed(entry.link_of));
      if (first == source_.tree.end()) return success();  // passed over, as this is then
      node = first->second;
      if (node.link_of.empty()) node.link_of = first->first;
    } else if (entry.kind == Kind::file) {
      if (auto stored = store(reader, node); !stored) return stored;
    }
    const auto there = source_.tree.find(path);
    if (there != source_.tree.end() && there->second.kind != node.kind) {
      return Error{Code::invalid, "the archive has two members of different kinds named " + path,
                   path};
    }
    source_.tree.insert_or_assign(path, std::move(node));
    return success();
  }

  // Archives may leave directories out.
  Status make_parents(const std::string& path) {
    for (std::string_view above = path; above != at_ && above != "/";) {
      above = split_last(above).first;
      LocalNode directory;
      directory.kind = Kind::directory;
      const auto [at, fresh] = source_.tree.emplace(std::string(above), std::move(directory));
      if (at->second.is_directory()) continue;
      return Error{Code::invalid,
                   "the archive's member " + path + " lies below " + std::string(above) +
                       ", which is no directory in it",
                   path};
    }
    return success();
  }

  Status store(tar::TarReader& reader, LocalNode& node) {
    auto file = source_.spool->next();
    if (!file) return file.error();
    RunningSha256 running;
    auto read = reader.read([&](std::string_view part) {
      node.size += part.size();
      running.add(part);
      return write_all(file->fd.get(), part, file->path);
    });
    node.digest = running.finish();
    node.source = std::move(file->path);
    return read;
  }

  Source& source_;
  const std::string& at_;
  const FolderRules& rules_;
};

}  // namespace

Result<Source> open_source(const std::string& typed, const std::string& at,
                           const SourceRules& source_rules, std::istream& in) {
  auto excluded = Exclusions::compile(source_rules.excluded);
  if (!excluded) return excluded.error();
  const FolderRules rules{true, source_rules.clutter, *std::move(excluded)};
  Source source;
  std::error_code ignored;
  const bool folder = fs::is_directory(typed, ignored);
  const auto git = folder ? std::nullopt : parse_git_place(typed);
  if (typed != "-" && !git) {
    if (!folder) {
      return Error{Code::not_found,
                   "there is no folder \"" + typed +
                       "\": give a folder, a git repository (REPO[//FOLDER][@REF]), or - for a "
                       "tar archive on standard input",
                   typed};
    }
    source.folder = fs::path(typed);
    if (auto added = add_folder(source.tree, typed, at, rules); !added) return added.error();
    settle_links(source.tree);
    return source;
  }
  auto spool = Spool::create();
  if (!spool) return spool.error();
  source.spool.emplace(*std::move(spool));
  if (!git) {
    if (auto done = Unpacking(source, at, rules).unpack(in); !done) return done.error();
    settle_links(source.tree);
    return source;
  }
  auto archive = archive_git(*git, *source.spool);
  if (!archive) return archive.error();
  std::ifstream file(*archive, std::ios::binary);
  if (auto done = Unpacking(source, at, rules).unpack(file); !done) return done.error();
  settle_links(source.tree);
  return source;
}

}  // namespace outboard::cli
