// A folder on this machine, as the tree that it would be in a volume.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "cli/exclusions.h"
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
  // Of whole trees only (FolderRules::exact):
  std::optional<std::uint32_t> permissions;  // unset: what `executable` says
  Xattrs xattrs;                             // user.*
  std::string link_of;                       // the node's first path in the tree; empty: this is it

  bool is_directory() const { return kind == Kind::directory; }
  std::uint32_t mode() const {
    return permissions.value_or(executable || kind == Kind::directory ? 0755U : 0644U);
  }
};

// By the volume's path: "/release-notes/SKILL.md". A parent stands before its children.
using LocalTree = std::map<std::string, LocalNode>;

// How a folder is read.
struct FolderRules {
  bool exact = false;    // with permissions, extended attributes and hard links
  bool clutter = false;  // with what is_clutter()
  Exclusions excluded{};
};

// Adds `folder` and all in it to `tree`, below `at` ("/release-notes"). What editors, Python and
// git leave behind is passed over (is_clutter). invalid: a socket, a device, a name that volumes
// refuse. too_big: a file longer than a volume holds.
Status add_folder(LocalTree& tree, const std::filesystem::path& folder, const std::string& at,
                  const FolderRules& rules = {});

// Makes the lowest path of each node with several names its first.
void settle_links(LocalTree& tree);

// ".git", "__pycache__", ".DS_Store", "x~", ".x.swp" …
bool is_clutter(std::string_view name);

}  // namespace outboard::cli
