// Two trees of one volume, compared by path: what `skills diff` shows and `skills rollback` undoes.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/context.h"
#include "core/store.h"

namespace outboard::cli {

using VolumeTree = std::map<std::string, Node, std::less<>>;  // by path; parents before children

// The whole tree as of a revision: its number or name, "head", or "published".
Result<VolumeTree> tree_of(Context& context, Store& store, const Volume& volume,
                           std::string_view revision);

struct Difference {
  std::string path;
  std::optional<Node> before;
  std::optional<Node> after;
};

// Whether two nodes hold the same bytes, as far as their versions or digests tell.
bool same_content(const Node& before, const Node& after);

// What must change in `before` to become `after`, by path. Times and owners do not count.
std::vector<Difference> differences(const VolumeTree& before, const VolumeTree& after);

// One step for each that makes the volume's head, which is `before`, what is `after`; contents are
// read from the store. Removals come first, children before their parents.
Result<std::vector<Step>> steps_to(Context& context, Store& store, VolumeId volume,
                                   const std::vector<Difference>& differences);

}  // namespace outboard::cli
