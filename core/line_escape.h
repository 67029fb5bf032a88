// line_escape: any bytes in one line of a text file, for lists of paths. Pure.
#pragma once

#include <string>
#include <string_view>

namespace outboard {

// Line ends and backslashes become "\n" and "\\".
std::string escape_line(std::string_view text);
// The inverse; a backslash before anything else stands for that.
std::string unescape_line(std::string_view line);

}  // namespace outboard
