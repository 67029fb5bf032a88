// Progress: a bar on standard error while something long goes on; nothing where it cannot redraw.
//
// Lines for standard output go through say(), so that they do not collide with the bar.
// Used by one thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/screen.h"

namespace outboard::cli {

class Progress {
 public:
  Progress(Screen& screen, std::uint64_t steps_total, std::uint64_t bytes_total)
      : screen_(screen), steps_total_(steps_total), bytes_total_(bytes_total) {}
  ~Progress() { clear(); }
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(std::uint64_t steps, std::uint64_t bytes);
  // What is being worked on; stands behind the bar.
  void show(std::string_view what);
  void say(std::string_view line);

 private:
  void draw();
  void clear();

  Screen& screen_;
  const std::uint64_t steps_total_;
  const std::uint64_t bytes_total_;
  std::uint64_t steps_ = 0;
  std::uint64_t bytes_ = 0;
  std::string what_;
  bool drawn_ = false;
};

}  // namespace outboard::cli
