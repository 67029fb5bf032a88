// Text from elsewhere on its way to a terminal, as it comes: lines and tabs pass, everything that
// could move the cursor is made visible, and a character that was cut in two waits for its rest.
//
// One thread.
#pragma once

#include <string>
#include <string_view>

namespace outboard::cli {

// Like printable(), but keeps "\n" and "\t".
std::string printable_lines(std::string_view text);

class SafeText {
 public:
  // What may be shown of `part` and of what was kept before.
  std::string take(std::string_view part);
  // The rest, whatever it is.
  std::string finish();

 private:
  std::string cut_;  // the beginning of a character
};

}  // namespace outboard::cli
