// Names as text: names and paths are bytes to the kernel and text to SQL; here one becomes the
// other without loss.
//
// Valid UTF-8 is kept as it is. A byte that is none becomes the character U+10FF00 + byte, of a
// plane for private use; such a character in a name is taken byte by byte itself, so that the way
// back is always clear. Pure.
#pragma once

#include <string>
#include <string_view>

namespace outboard::server {

std::string to_text(std::string_view name);
std::string from_text(std::string_view text);

// Bytes of the valid UTF-8 character that `bytes` begins with; 0: none, or NUL.
std::size_t character_size(std::string_view bytes);

}  // namespace outboard::server
