// ViewSpec: what a view is, as people write it: "/memory=acme/memory:rw".
//
// The daemon's command line, the command `outboard mount`, the control socket.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/result.h"

namespace outboard {

struct ViewSpec {
  std::string path;    // absolute, without a trailing slash
  std::string volume;  // "acme/skills"
  bool read_only = true;
  friend bool operator==(const ViewSpec&, const ViewSpec&) = default;
};

// invalid: not of that form, or the path is not absolute.
Result<ViewSpec> parse_view(std::string_view text);
// "/memory=acme/memory:rw"
std::string to_string(const ViewSpec& view);
// The view in which a place lies, of several the innermost; nothing: it lies in none. [S56]
const ViewSpec* view_around(const std::vector<ViewSpec>& views, std::string_view path);
// invalid: two views share a place, or it is no path. unsupported: one lies deep inside another,
// not in its root.
Status check_places(const std::vector<ViewSpec>& views);

}  // namespace outboard
