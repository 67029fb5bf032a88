#include "cli/tree_report.h"

#include <array>
#include <cstdio>
#include <ostream>

namespace outboard::cli {
namespace {

// Conflicts that are listed; the rest are counted.
constexpr std::size_t kConflictsShown = 20;

Colour colour_of(char sign) {
  switch (sign) {
    case '+': return Colour::green;
    case '-': return Colour::red;
    case '=': return Colour::dim;
    default: return Colour::yellow;
  }
}

}  // namespace

std::string tree_line(const Screen& screen, char sign, std::string_view path,
                      std::string_view note) {
  std::string line =
      "  " + screen.paint(colour_of(sign), std::string(1, sign)) + " " + printable(path);
  if (!note.empty()) line += "  " + screen.paint(Colour::dim, note);
  return line;
}

Error refuse_conflicts(Screen& screen, const std::vector<TreeConflict>& conflicts,
                       std::string_view way_out) {
  for (std::size_t i = 0; i < std::min(conflicts.size(), kConflictsShown); ++i) {
    screen.err() << "  " << screen.paint_error(Colour::yellow, "!") << " "
                 << printable(conflicts[i].path) << " " << conflicts[i].why << "\n";
  }
  if (conflicts.size() > kConflictsShown) {
    screen.err() << "  … and " << conflicts.size() - kConflictsShown << " more\n";
  }
  return Error{Code::conflict,
               counted(conflicts.size(), "file") + " in conflict: " + std::string(way_out)};
}

void TreeCounts::add(std::uint64_t count, std::string_view what) {
  if (count == 0) return;
  if (!text_.empty()) text_ += ", ";
  text_ += std::to_string(count) + " " + std::string(what);
}

std::string seconds_since(const Context& context, Moment start) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.2f s",
                std::chrono::duration<double>(context.clock().now() - start).count());
  return text.data();
}

}  // namespace outboard::cli
