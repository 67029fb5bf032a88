// Place: a volume and a path in it, as people type them: "acme/memory:notes", "memory", "skills:/".
#pragma once

#include <string>
#include <string_view>

#include "cli/context.h"

namespace outboard::cli {

struct Place {
  std::string volume;      // "acme/memory"; without "/": of the organisation that is meant
  std::string path = "/";  // absolute
};

// invalid: no volume, or a path that is none.
Result<Place> parse_place(std::string_view typed);

struct OpenPlace {
  Volume volume;
  std::string path;
};

// A path in the volume as one from `top` on: ("/notes", "/notes/a.md") → "/a.md"; the top is "/".
// REQUIRES: is_within(path, top).
std::string path_within(const std::string& top, const std::string& path);

// Looks the volume up; "memory" is `<organisation>/memory`.
Result<OpenPlace> open_place(Context& context, std::string_view typed);

// What a folder meets: the server, the volume and the path in it. Another server's volume of the
// same name is another place.
std::string name_of(const Context& context, const OpenPlace& place);

}  // namespace outboard::cli
