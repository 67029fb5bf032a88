// GitSource: a folder of a git repository at some ref, as git itself archives it.
//
// Asks the program `git`; a working tree, its index and its checked-out branch are never touched. A
// repository elsewhere is fetched, one commit deep, into the spool. Nothing typed is taken for an
// option, no prompt is shown, and only the transports of file, git, http(s) and ssh are used.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/spool.h"
#include "cli/tar/tar_reader.h"

namespace outboard::cli {

// "https://host/x.git//skills@v2" → its parts.
struct GitPlace {
  std::string repository;
  std::string folder;  // within it; empty: all
  std::string ref;     // empty: HEAD
  friend bool operator==(const GitPlace&, const GitPlace&) = default;
};

// Nothing: it is a plain folder's path. "//" begins the folder, "@" behind the last "/" of the
// repository's path, or behind the folder, the ref.
std::optional<GitPlace> parse_git_place(std::string_view typed);

// Writes the archive into the spool: its path. not_found, invalid: what git says.
Result<std::filesystem::path> archive_git(const GitPlace& place, Spool& spool);

}  // namespace outboard::cli
