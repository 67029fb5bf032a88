#include "cli/local_tree.h"

#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "cli/local_files.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

Result<Xattrs> read_xattrs(const fs::path& path) {
  std::string names(kXattrTotalBytesMax, '\0');
  const ssize_t length = ::llistxattr(path.c_str(), names.data(), names.size());
  if (length < 0 && errno == ENOTSUP) return Xattrs{};
  if (length < 0) return system_error("read the attributes of", path, errno);
  names.resize(static_cast<std::size_t>(length));
  Xattrs xattrs;
  for (std::size_t at = 0; at < names.size();) {
    const std::string name = names.c_str() + at;
    at += name.size() + 1;
    if (!name.starts_with("user.")) continue;  // the others are the machine's, not the file's
    std::string value(kXattrValueBytesMax, '\0');
    const ssize_t size = ::lgetxattr(path.c_str(), name.c_str(), value.data(), value.size());
    if (size < 0) return system_error("read the attribute " + name + " of", path, errno);
    value.resize(static_cast<std::size_t>(size));
    xattrs.emplace(name, std::move(value));
  }
  return xattrs;
}

// Reads a folder; knows the nodes with several names that it has met.
class FolderReader {
 public:
  FolderReader(LocalTree& tree, const std::string& root, const FolderRules& rules)
      : tree_(tree), root_(root), rules_(rules) {}

  Status read(const fs::path& folder, const std::string& at) {
    auto top = read_node(folder, at);
    if (!top) return top.error();
    top->kind = Kind::directory;  // the top may be a symlink to one
    top->target.clear();
    tree_.insert_or_assign(at, *std::move(top));
    std::error_code failed;
    fs::directory_iterator names(folder, failed);
    for (; !failed && names != fs::directory_iterator(); names.increment(failed)) {
      if (auto done = read_name(names->path(), at); !done) return done;
    }
    if (failed) return system_error("read", folder, failed.value());
    return success();
  }

 private:
  Status read_name(const fs::path& here, const std::string& at) {
    const std::string name = here.filename().string();
    if (!rules_.clutter && is_clutter(name)) return success();
    if (auto good = check_name(name); !good) {
      Error error = good.error();
      error.message = here.string() + ": " + error.message;
      return error;
    }
    const std::string path = join(at, name);
    if (auto good = check_path(path); !good) return good;
    const std::string within = root_ == "/" ? path : path.substr(root_.size());
    if (rules_.excluded.take(within)) return success();
    auto node = read_node(here, path);
    if (!node) return node.error();
    if (node->is_directory()) return read(here, path);
    tree_.insert_or_assign(path, *std::move(node));
    return success();
  }

  Result<LocalNode> read_node(const fs::path& here, const std::string& path) {
    struct stat found {};
    if (::lstat(here.c_str(), &found) != 0) return system_error("read", here, errno);
    LocalNode node;
    node.source = here;
    if (S_ISLNK(found.st_mode)) {
      std::error_code failed;
      node.kind = Kind::symlink;
      node.target = fs::read_symlink(here, failed).string();
      if (failed) return system_error("read", here, failed.value());
      return node;
    }
    if (S_ISDIR(found.st_mode)) node.kind = Kind::directory;
    if (!S_ISDIR(found.st_mode) && !S_ISREG(found.st_mode)) {
      return Error{
          Code::invalid,
          here.string() + " is neither file, directory nor symlink: move it out of the folder",
          here.string()};
    }
    if (auto exact = read_exactly(here, found, path, node); !exact) return exact.error();
    if (node.is_directory()) return node;
    node.executable = (found.st_mode & S_IXUSR) != 0;
    auto digested = digest_file(here);
    if (!digested) return digested.error();
    node.size = digested->size;
    node.digest = digested->digest;
    return node;
  }

  Status read_exactly(const fs::path& here, const struct stat& found, const std::string& path,
                      LocalNode& node) {
    if (!rules_.exact) return success();
    node.permissions = found.st_mode & 07777U;
    auto xattrs = read_xattrs(here);
    if (!xattrs) return xattrs.error();
    node.xattrs = *std::move(xattrs);
    if (found.st_nlink < 2 || node.is_directory()) return success();
    const auto [first, fresh] = names_.emplace(std::pair(found.st_dev, found.st_ino), path);
    if (!fresh) node.link_of = first->second;
    return success();
  }

  LocalTree& tree_;
  const std::string& root_;
  const FolderRules& rules_;
  std::map<std::pair<dev_t, ino_t>, std::string> names_;
};

}  // namespace

bool is_clutter(std::string_view name) {
  for (const std::string_view exact : {".git", ".svn", ".hg", "__pycache__", ".DS_Store",
                                       ".mypy_cache", ".pytest_cache", "Thumbs.db"}) {
    if (name == exact) return true;
  }
  return name.ends_with('~') || name.ends_with(".pyc") ||
         (name.starts_with('.') && (name.ends_with(".swp") || name.ends_with(".swo")));
}

Status add_folder(LocalTree& tree, const fs::path& folder, const std::string& at,
                  const FolderRules& rules) {
  if (auto good = check_path(at); !good) return good;
  return FolderReader(tree, at, rules).read(folder, at);
}

void settle_links(LocalTree& tree) {
  std::map<std::string, std::string> lowest;  // by the path that was met first
  for (const auto& [path, node] : tree) {
    if (!node.link_of.empty()) lowest.emplace(node.link_of, std::min(path, node.link_of));
  }
  for (auto& [path, node] : tree) {
    const auto found = lowest.find(node.link_of.empty() ? path : node.link_of);
    if (found == lowest.end()) continue;
    node.link_of = found->second == path ? "" : found->second;
  }
}

}  // namespace outboard::cli
