// Rows: what a statement answered, read from Postgres' binary format. Used by one thread.
//
// A column is read by the SQL type it has; reading null gives 0, "" or nothing.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/ids.h"

struct pg_result;

namespace outboard::server {

class Rows {
 public:
  Rows() = default;
  explicit Rows(pg_result* owned);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::uint64_t affected() const;

  bool null(std::size_t row, int column) const;
  std::int64_t number(std::size_t row, int column) const;  // int8, int4, int2, by their length
  std::uint64_t count(std::size_t row, int column) const {
    return static_cast<std::uint64_t>(number(row, column));
  }
  bool flag(std::size_t row, int column) const;
  std::string_view bytes(std::size_t row, int column) const;  // text, bytea; good while Rows lives
  std::string text(std::size_t row, int column) const { return std::string(bytes(row, column)); }
  std::string name(std::size_t row, int column) const;  // a name or path, see name_text.h
  Uuid uuid(std::size_t row, int column) const;
  std::optional<Sha256> digest(std::size_t row, int column) const;

 private:
  std::shared_ptr<pg_result> result_;
  std::size_t size_ = 0;
};

}  // namespace outboard::server
