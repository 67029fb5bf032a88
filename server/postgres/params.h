// Params: a statement's parameters in Postgres' binary format, arrays included.
//
// Values are appended in the order of $1, $2 …; the types are those that the statement says ($1::…)
// or implies, so a caller picks the function by the SQL type. Used by one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/digest.h"
#include "core/ids.h"

namespace outboard::server {

// Columns of a set-based statement, one value per row: `unnest($1::bigint[], …)`; of one row alone
// its value,
// `$1::bigint`, serves too.
class Column {
 public:
  enum class Type : std::uint32_t {
    boolean = 16,
    bytea = 17,
    int8 = 20,
    int2 = 21,
    int4 = 23,
    text = 25,
    uuid = 2950
  };
  explicit Column(Type type) : type_(type) {}

  void add(std::int64_t value);  // int8, int4, int2, boolean
  void add(std::uint64_t value) { add(static_cast<std::int64_t>(value)); }
  void add_bytes(std::string_view value);  // text, bytea
  void add_name(std::string_view value);   // text: a name or path, see name_text.h
  void add_uuid(const Uuid& value);        // the nil uuid is null
  void add_digest(const std::optional<Sha256>& value);
  void add_null();
  std::size_t size() const { return count_; }

 private:
  friend class Params;
  Type type_;
  std::size_t count_ = 0;
  bool has_null_ = false;
  std::string body_;
};

class Params {
 public:
  Params& int8(std::int64_t value);
  Params& int8(std::uint64_t value) { return int8(static_cast<std::int64_t>(value)); }
  Params& int4(std::int32_t value);
  Params& boolean(bool value);
  Params& bytes(std::string_view value);  // text, bytea
  Params& name(std::string_view value);   // text: a name or path, see name_text.h
  Params& uuid(const Uuid& value);        // the nil uuid is null
  Params& null();
  Params& array(const Column& column);
  Params& only(const Column& column);  // the value of a column's one row

  std::size_t size() const { return values_.size(); }
  // nullptr: null.
  const char* data(std::size_t i) const { return values_[i] ? values_[i]->data() : nullptr; }
  std::size_t length(std::size_t i) const { return values_[i] ? values_[i]->size() : 0; }

 private:
  std::vector<std::optional<std::string>> values_;
};

// Appends a number in network byte order.
template <class T>
void append_big_endian(std::string& to, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    to.push_back(static_cast<char>((static_cast<std::uint64_t>(value) >> shift) & 0xFFu));
  }
}

}  // namespace outboard::server
