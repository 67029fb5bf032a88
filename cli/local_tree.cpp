#include "cli/local_tree.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "cli/local_files.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

Result<LocalNode> read_node(const fs::path& path) {
  struct stat found {};
  if (::lstat(path.c_str(), &found) != 0) return system_error("read", path, errno);
  LocalNode node;
  node.source = path;
  if (S_ISDIR(found.st_mode)) {
    node.kind = Kind::directory;
    return node;
  }
  if (S_ISLNK(found.st_mode)) {
    std::error_code failed;
    node.kind = Kind::symlink;
    node.target = fs::read_symlink(path, failed).string();
    if (failed) return system_error("read", path, failed.value());
    return node;
  }
  if (!S_ISREG(found.st_mode)) {
    return Error{Code::invalid,
                 path.string() +
                     " is neither file, directory nor symlink: move it out of the "
                     "folder",
                 path.string()};
  }
  auto bytes = read_file(path, kBatchBytesMax);
  if (!bytes) return bytes.error();
  node.size = bytes->size();
  node.digest = sha256(*bytes);
  node.executable = (found.st_mode & S_IXUSR) != 0;
  return node;
}

}  // namespace

bool is_clutter(std::string_view name) {
  for (const std::string_view exact : {".git", ".svn", ".hg", "__pycache__", ".DS_Store",
                                       ".mypy_cache", ".pytest_cache", "Thumbs.db"}) {
    if (name == exact) return true;
  }
  return name.ends_with('~') || name.ends_with(".pyc") ||
         (name.starts_with('.') && (name.ends_with(".swp") || name.ends_with(".swo")));
}

Status add_folder(LocalTree& tree, const fs::path& folder, const std::string& at) {
  if (auto good = check_path(at); !good) return good;
  LocalNode top;
  top.kind = Kind::directory;
  top.source = folder;
  tree.insert_or_assign(at, std::move(top));
  std::error_code failed;
  fs::directory_iterator names(folder, failed);
  for (; !failed && names != fs::directory_iterator(); names.increment(failed)) {
    const std::string name = names->path().filename().string();
    if (is_clutter(name)) continue;
    if (auto good = check_name(name); !good) {
      Error error = good.error();
      error.message = names->path().string() + ": " + error.message;
      return error;
    }
    auto node = read_node(names->path());
    if (!node) return node.error();
    const std::string path = join(at, name);
    if (node->is_directory()) {
      if (auto added = add_folder(tree, names->path(), path); !added) return added;
    } else {
      tree.insert_or_assign(path, std::move(*node));
    }
  }
  if (failed) return system_error("read", folder, failed.value());
  return success();
}

}  // namespace outboard::cli
