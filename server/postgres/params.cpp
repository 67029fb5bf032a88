#include "server/postgres/params.h"

#include "core/check.h"
#include "server/postgres/name_text.h"

namespace outboard::server {

void Column::add(std::int64_t value) {
  ++count_;
  switch (type_) {
    case Type::boolean:
      append_big_endian<std::uint32_t>(body_, 1);
      body_.push_back(value != 0 ? '\1' : '\0');
      return;
    case Type::int2:
      append_big_endian<std::uint32_t>(body_, 2);
      append_big_endian(body_, static_cast<std::uint16_t>(value));
      return;
    case Type::int4:
      append_big_endian<std::uint32_t>(body_, 4);
      append_big_endian(body_, static_cast<std::uint32_t>(value));
      return;
    case Type::int8:
      append_big_endian<std::uint32_t>(body_, 8);
      append_big_endian(body_, static_cast<std::uint64_t>(value));
      return;
    case Type::bytea:
    case Type::text:
    case Type::uuid: break;
  }
  CHECK(false);
}

void Column::add_bytes(std::string_view value) {
  ++count_;
  append_big_endian(body_, static_cast<std::uint32_t>(value.size()));
  body_.append(value);
}

void Column::add_name(std::string_view value) {
  add_bytes(to_text(value));
}

void Column::add_uuid(const Uuid& value) {
  if (!value) return add_null();
  add_bytes({reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
}

void Column::add_digest(const std::optional<Sha256>& value) {
  if (!value) return add_null();
  add_bytes({reinterpret_cast<const char*>(value->bytes.data()), value->bytes.size()});
}

void Column::add_null() {
  ++count_;
  has_null_ = true;
  append_big_endian(body_, ~std::uint32_t{0});
}

Params& Params::int8(std::int64_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint64_t>(value));
  values_.emplace_back(std::move(bytes));
  return *this;
}

Params& Params::int4(std::int32_t value) {
  std::string bytes;
  append_big_endian(bytes, static_cast<std::uint32_t>(value));
  values_.emplace_back(std::move(bytes));
  return *this;
}

Params& Params::boolean(bool value) {
  values_.emplace_back(std::string(1, value ? '\1' : '\0'));
  return *this;
}

Params& Params::bytes(std::string_view value) {
  values_.emplace_back(std::string(value));
  return *this;
}

Params& Params::name(std::string_view value) {
  return bytes(to_text(value));
}

Params& Params::uuid(const Uuid& value) {
  if (!value) return null();
  return bytes({reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size()});
}

Params& Params::null() {
  values_.emplace_back(std::nullopt);
  return *this;
}

Params& Params::array(const Column& column) {
  std::string bytes;
  bytes.reserve(20 + column.body_.size());
  append_big_endian<std::uint32_t>(bytes, column.count_ == 0 ? 0 : 1);  // dimensions
  append_big_endian<std::uint32_t>(bytes, column.has_null_ ? 1 : 0);
  append_big_endian(bytes, static_cast<std::uint32_t>(column.type_));
  if (column.count_ > 0) {
    append_big_endian(bytes, static_cast<std::uint32_t>(column.count_));
    append_big_endian<std::uint32_t>(bytes, 1);  // lower bound
    bytes.append(column.body_);
  }
  values_.emplace_back(std::move(bytes));
  return *this;
}

Params& Params::only(const Column& column) {
  CHECK(column.count_ == 1);
  if (column.has_null_) return null();
  return bytes(std::string_view(column.body_).substr(sizeof(std::uint32_t)));  // behind its length
}

}  // namespace outboard::server
