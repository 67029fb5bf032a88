// A folder on this machine, as the tree that it would be in a volume.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/entry.h"
#include "core/result.h"

namespace outboard::cli {

struct LocalNode {
  Kind kind = Kind::file;  // file, directory or symlink
  std::filesystem::path source;
  std::string target;       // of a symlink
  std::uint64_t size = 0;   // of a file
  Sha256 digest;            // of a file
  bool executable = false;  // of a file

  bool is_directory() const { return kind == Kind::directory; }
  std::uint32_t mode() const { return executable || kind == Kind::directory ? 0755U : 0644U; }
};

// By the volume's path: "/release-notes/SKILL.md". A parent stands before its children.
using LocalTree = std::map<std::string, LocalNode>;

// Adds `folder` and all in it to `tree`, below `at` ("/release-notes"). What editors, Python and
// git leave behind is passed over (is_clutter). invalid: a socket, a device, a name that volumes
// refuse. too_big: a file longer than one request carries.
Status add_folder(LocalTree& tree, const std::filesystem::path& folder, const std::string& at);

// ".git", "__pycache__", ".DS_Store", "x~", ".x.swp" …
bool is_clutter(std::string_view name);

}  // namespace outboard::cli
