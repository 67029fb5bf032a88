// Ignored names: files that work like all others but keep no history, as editors' swap files and
// caches of programs do.
//
// A volume's patterns stand one a line. Each is compared with each name on a file's path: `*` is
// any number of bytes, `?` is one; with "/" at its end it speaks of directories only, that is, of
// all below one of that name. Pure; the rules of core/commit.h ask. [D19]
#pragma once

#include <string_view>

#include "core/result.h"

namespace outboard {

// What programs leave behind everywhere: the patterns a new volume gets from `outboard`.
inline constexpr std::string_view kUsualIgnored =
    "*.swp\n*.swo\n*.swx\n*~\n.#*\n#*#\n.DS_Store\n__pycache__/\n*.pyc";

// Whether the file at `path` ("/a/b") keeps no history.
bool is_ignored(std::string_view patterns, std::string_view path);

// invalid: a line that could match nothing, or too many of them.
Status check_ignored(std::string_view patterns);

}  // namespace outboard
