// A part of a volume, as one tree of paths: what push compares with and pull brings.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "core/store.h"

namespace outboard::cli {

struct RemoteTree {
  std::map<std::string, Node> nodes;  // by path; a parent stands before its children
  Seq seq;                            // at least as new as this
};

// Everything at and below `roots` ("/" or "/release-notes"); a root that is absent adds nothing.
// Takes one snapshot without bodies or, where that would carry far more than is asked for, lists
// directory by directory: `directories` says about how many there are.
Result<RemoteTree> read_tree(Context& context, Store& store, const Volume& volume,
                             const std::vector<std::string>& roots, std::size_t directories);

// The whole content of one version of a file, in parts, to `take`.
Status read_content(Context& context, Store& store, VolumeId volume, const Node& node,
                    const std::function<Status(std::string_view)>& take);

// Whether the file's content is `digest`; reads it where the store has not computed its own.
Result<bool> has_content(Context& context, Store& store, VolumeId volume, const Node& node,
                         std::uint64_t size, const Sha256& digest);

}  // namespace outboard::cli
