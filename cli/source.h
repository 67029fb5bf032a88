// Source: what is pushed: a folder, a folder of a git repository, or a tar archive on standard
// input; all as one tree, with contents in files.
//
// An archive is read to its end and judged whole before anything is sent.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include "cli/local_tree.h"
#include "cli/spool.h"

namespace outboard::cli {

struct SourceRules {
  std::vector<std::string> excluded;  // globs, of paths within the source
  bool clutter = false;
};

struct Source {
  LocalTree tree;
  std::optional<std::filesystem::path> folder;  // of a plain one: it has a base
  std::optional<Spool> spool;                   // holds contents that came as a stream
};

// `at` is the path in the volume that the source's top will be.
Result<Source> open_source(const std::string& typed, const std::string& at,
                           const SourceRules& rules, std::istream& in);

}  // namespace outboard::cli
