// Names and paths within a volume: what is allowed, how they join and part.
//
// A path starts with "/" and has no empty, "." or ".." component and no trailing slash; the root
// itself is "/". Names are bytes, not text: only NUL and "/" are forbidden, as POSIX has it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/result.h"

namespace outboard {

// name_too_long, or invalid for an empty name, ".", "..", "/" or NUL within, or the reserved
// `.history`, under which the mount shows versions as files.
Status check_name(std::string_view name);

// The same for each component. "/" is a good path.
Status check_path(std::string_view path);

inline constexpr std::string_view kHistoryName = ".history";

// "/a/b" → {"a", "b"}; "/" → {}.  REQUIRES: check_path(path).
std::vector<std::string_view> components_of(std::string_view path);

// "/a/b" → {"/a", "b"}; "/a" → {"/", "a"}.  REQUIRES: check_path(path), path is not "/".
std::pair<std::string_view, std::string_view> split_last(std::string_view path);

// ("/", "a") → "/a"; ("/a", "b") → "/a/b".
std::string join(std::string_view parent, std::string_view name);

// Whether `path` is `prefix` or lies below it: "/a" holds "/a" and "/a/b", not "/ab".
bool is_within(std::string_view path, std::string_view prefix);

// Organisation, user and volume names: [a-z0-9][a-z0-9-]*, at most kSlugBytesMax; `what` names the
// thing in the error. A volume may start with "~" (a user's own) and contain "/".
Status check_slug(std::string_view what, std::string_view slug);

}  // namespace outboard
