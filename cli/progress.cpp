#include "cli/progress.h"

#include <algorithm>
#include <ostream>

namespace outboard::cli {
namespace {
constexpr std::size_t kBarColumns = 28;
}  // namespace

void Progress::advance(std::uint64_t steps, std::uint64_t bytes) {
  steps_ = std::min(steps_ + steps, steps_total_);
  bytes_ = std::min(bytes_ + bytes, bytes_total_);
  draw();
}

void Progress::show(std::string_view what) {
  what_ = printable(what);
  draw();
}

void Progress::say(std::string_view line) {
  clear();
  screen_.out() << line << "\n" << std::flush;
  draw();
}

void Progress::draw() {
  if (!screen_.config().animated || steps_total_ == 0) return;
  // Bytes say more than steps, but a tree of empty files has none.
  const double share = bytes_total_ != 0
                           ? static_cast<double>(bytes_) / static_cast<double>(bytes_total_)
                           : static_cast<double>(steps_) / static_cast<double>(steps_total_);
  const auto full = static_cast<std::size_t>(share * kBarColumns);
  const bool utf8 = screen_.config().utf8;
  std::string done;
  std::string left;
  for (std::size_t i = 0; i < kBarColumns; ++i) {
    if (i < full) done += utf8 ? "━" : "#";
    if (i >= full) left += utf8 ? "━" : ".";
  }
  std::string tail = std::to_string(static_cast<int>(share * 100)) + "%  " + readable_size(bytes_) +
                     " of " + readable_size(bytes_total_);
  if (!what_.empty()) tail += "  " + what_;
  const std::size_t columns = screen_.config().columns;
  if (columns > kBarColumns + 4) tail = cut_to(tail, columns - kBarColumns - 4);
  screen_.err() << "\r\x1b[K  " << screen_.paint_error(Colour::green, done)
                << screen_.paint_error(Colour::dim, left) << " " << tail << std::flush;
  drawn_ = true;
}

void Progress::clear() {
  if (!drawn_) return;
  screen_.err() << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace outboard::cli
