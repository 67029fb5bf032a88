#include "server/postgres/rows.h"

#include <libpq-fe.h>

#include <algorithm>
#include <cstdlib>

#include "core/check.h"
#include "server/postgres/name_text.h"

namespace outboard::server {

Rows::Rows(pg_result* owned) : result_(owned, PQclear) {
  size_ = static_cast<std::size_t>(PQntuples(owned));
}

std::uint64_t Rows::affected() const {
  return result_ ? std::strtoull(PQcmdTuples(result_.get()), nullptr, 10) : 0;
}

bool Rows::null(std::size_t row, int column) const {
  CHECK(row < size_);
  return PQgetisnull(result_.get(), static_cast<int>(row), column) != 0;
}

std::int64_t Rows::number(std::size_t row, int column) const {
  const std::string_view raw = bytes(row, column);
  if (raw.empty()) return 0;
  std::uint64_t value = (static_cast<unsigned char>(raw.front()) & 0x80u) != 0 ? ~0ULL : 0ULL;
  for (const char c : raw) value = (value << 8u) | static_cast<unsigned char>(c);
  return static_cast<std::int64_t>(value);
}

bool Rows::flag(std::size_t row, int column) const {
  const std::string_view raw = bytes(row, column);
  return !raw.empty() && raw.front() != '\0';
}

std::string_view Rows::bytes(std::size_t row, int column) const {
  CHECK(row < size_);
  const int at = static_cast<int>(row);
  return {PQgetvalue(result_.get(), at, column),
          static_cast<std::size_t>(PQgetlength(result_.get(), at, column))};
}

std::string Rows::name(std::size_t row, int column) const {
  return from_text(bytes(row, column));
}

Uuid Rows::uuid(std::size_t row, int column) const {
  Uuid value;
  const std::string_view raw = bytes(row, column);
  if (raw.size() == value.bytes.size()) std::copy(raw.begin(), raw.end(), value.bytes.begin());
  return value;
}

std::optional<Sha256> Rows::digest(std::size_t row, int column) const {
  Sha256 value;
  const std::string_view raw = bytes(row, column);
  if (raw.size() != value.bytes.size()) return std::nullopt;
  std::copy(raw.begin(), raw.end(), value.bytes.begin());
  return value;
}

}  // namespace outboard::server
