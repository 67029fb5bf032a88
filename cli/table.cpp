#include "cli/table.h"

#include <algorithm>
#include <ostream>

#include "core/check.h"

namespace outboard::cli {
namespace {
constexpr std::size_t kGap = 2;            // columns between two cells
constexpr std::size_t kLastWidthMin = 12;  // the last column is not cut below this
}  // namespace

void Table::add(std::vector<std::string> cells) {
  CHECK(cells.size() == columns_.size());
  for (std::string& cell : cells) cell = printable(cell);
  rows_.push_back(std::move(cells));
}

void Table::print(Screen& screen, std::string_view if_empty) const {
  if (rows_.empty()) {
    screen.out() << screen.paint(Colour::dim, if_empty) << "\n";
    return;
  }
  std::vector<std::size_t> widths;
  std::vector<std::string> headings;
  for (const Column& column : columns_) {
    widths.push_back(width_of(column.heading));
    headings.push_back(column.heading);
  }
  for (const auto& row : rows_) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  if (const std::size_t columns = screen.config().columns; columns != 0) {
    std::size_t before = 0;
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) before += widths[i] + kGap;
    const std::size_t room = columns > before ? columns - before : 0;
    widths.back() = std::min(widths.back(), std::max(room, kLastWidthMin));
  }
  print_row(screen, headings, widths, true);
  for (const auto& row : rows_) print_row(screen, row, widths, false);
}

void Table::print_row(Screen& screen, const std::vector<std::string>& cells,
                      const std::vector<std::size_t>& widths, bool heading) const {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const bool last = i + 1 == cells.size();
    const std::string text = last ? cut_to(cells[i], widths[i]) : cells[i];
    const std::string padding(widths[i] - width_of(text), ' ');
    const std::string shown = screen.paint(heading ? Colour::dim : columns_[i].colour, text);
    if (columns_[i].align == Align::right) line += padding + shown;
    if (columns_[i].align == Align::left) line += shown + (last ? "" : padding);
    if (!last) line += std::string(kGap, ' ');
  }
  screen.out() << line << "\n";
}

}  // namespace outboard::cli
