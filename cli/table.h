// Table: rows in aligned columns, as the listing commands print them.
//
// A heading in dim capitals on a terminal and everywhere else too, so that both read the same; the
// last column is cut to the terminal's width, never wrapped. Cells are made printable here.
#pragma once

#include <string>
#include <vector>

#include "cli/screen.h"

namespace outboard::cli {

enum class Align : std::uint8_t { left, right };

struct Column {
  std::string heading;
  Align align = Align::left;
  Colour colour = Colour::plain;
};

class Table {
 public:
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);
  // Writes nothing but `if_empty` (a sentence) when there is no row.
  void print(Screen& screen, std::string_view if_empty) const;

 private:
  void print_row(Screen& screen, const std::vector<std::string>& cells,
                 const std::vector<std::size_t>& widths, bool heading) const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace outboard::cli
