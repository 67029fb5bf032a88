// Screen: how a command speaks to the person: colours, signs, and text that cannot do harm.
//
// Names and messages come from elsewhere and may hold escape sequences; whatever is shown goes
// through printable(). Only file content (`memory cat`) is written as it is. Used by one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>

#include "core/clock.h"

namespace outboard::cli {

enum class Colour : std::uint8_t { plain, bold, dim, red, green, yellow, cyan };

struct ScreenConfig {
  bool colours = false;        // of `out`
  bool error_colours = false;  // of `err`
  bool animated = false;       // `err` is a terminal: a progress bar may redraw itself
  bool utf8 = true;            // what stands outside ASCII can be shown
  std::size_t columns = 0;     // of the terminal; 0: no limit, nothing is cut
};

class Screen {
 public:
  Screen(std::ostream& out, std::ostream& err, ScreenConfig config)
      : out_(out), err_(err), config_(config) {}

  std::ostream& out() { return out_; }
  std::ostream& err() { return err_; }
  const ScreenConfig& config() const { return config_; }

  // `text` in `colour`, on `out` or on `err`; plain when that is no terminal.
  std::string paint(Colour colour, std::string_view text) const;
  std::string paint_error(Colour colour, std::string_view text) const;

 private:
  std::ostream& out_;
  std::ostream& err_;
  const ScreenConfig config_;
};

// Control characters and broken UTF-8 as \x1b, so that a file's name cannot move the cursor.
std::string printable(std::string_view text);
// Columns that `text` takes on a terminal; REQUIRES: printable.
std::size_t width_of(std::string_view text);
// At most `columns` wide, with an ellipsis where it was cut.
std::string cut_to(std::string_view text, std::size_t columns);

// "512 B", "3.1 KiB", "64 MiB".
std::string readable_size(std::uint64_t bytes);
// "2026-01-31 12:00:00", UTC; "-" for none.
std::string readable_time(Timestamp at);
// (1, "file") → "1 file"; (2, "file") → "2 files".
std::string counted(std::uint64_t count, std::string_view what);

}  // namespace outboard::cli
