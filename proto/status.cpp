#include "proto/status.h"

#include <array>
#include <optional>

#include "core/check.h"

namespace outboard::wire {
namespace {

constexpr std::array kCodes = {
    Code::not_found,       Code::exists,        Code::not_directory, Code::is_directory,
    Code::not_empty,       Code::name_too_long, Code::invalid,       Code::no_access,
    Code::unauthenticated, Code::read_only,     Code::too_big,       Code::no_space,
    Code::conflict,        Code::fenced,        Code::cross_volume,  Code::history_gone,
    Code::timed_out,       Code::unavailable,   Code::unsupported,   Code::corrupt};

// gRPC sends details and message in one header block, of which 8 KiB are sure to pass.
constexpr std::size_t kTextBytesMax = 1'024;

// Only UTF-8 passes in a proto string; names in messages are bytes. Anything beyond ASCII is kept
// when it is well-formed, else becomes "?".
std::string printable(std::string_view text) {
  std::string out;
  out.reserve(std::min(text.size(), kTextBytesMax));
  for (std::size_t i = 0; i < text.size() && out.size() < kTextBytesMax;) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t size = lead < 0x80                   ? 1
                             : lead >= 0xC2 && lead < 0xE0 ? 2
                             : lead >= 0xE1 && lead < 0xED ? 3  // E0, ED, F0, F4 have narrower
                             : lead >= 0xEE && lead < 0xF0 ? 3  // rules; they show as "?"
                             : lead >= 0xF1 && lead < 0xF4 ? 4
                                                           : 0;
    bool whole = size != 0 && i + size <= text.size();
    for (std::size_t k = 1; whole && k < size; ++k) {
      whole = (static_cast<unsigned char>(text[i + k]) & 0xC0U) == 0x80U;
    }
    if (whole && lead != 0) {
      out.append(text.substr(i, size));
      i += size;
    } else {
      out.push_back('?');
      ++i;
    }
  }
  return out;
}

}  // namespace

grpc::StatusCode status_code_of(Code code) {
  switch (code) {
    case Code::not_found: return grpc::StatusCode::NOT_FOUND;
    case Code::exists: return grpc::StatusCode::ALREADY_EXISTS;
    case Code::not_directory: return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::is_directory: return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::not_empty: return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::name_too_long: return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::invalid: return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::no_access: return grpc::StatusCode::PERMISSION_DENIED;
    case Code::unauthenticated: return grpc::StatusCode::UNAUTHENTICATED;
    case Code::read_only: return grpc::StatusCode::PERMISSION_DENIED;
    case Code::too_big: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::no_space: return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::conflict: return grpc::StatusCode::ABORTED;
    case Code::fenced: return grpc::StatusCode::ABORTED;
    case Code::cross_volume: return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::history_gone: return grpc::StatusCode::OUT_OF_RANGE;
    case Code::timed_out: return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Code::unavailable: return grpc::StatusCode::UNAVAILABLE;
    case Code::unsupported: return grpc::StatusCode::UNIMPLEMENTED;
    case Code::corrupt: return grpc::StatusCode::DATA_LOSS;
  }
  CHECK(false);
}

Code code_of(grpc::StatusCode code) {
  switch (code) {
    case grpc::StatusCode::OK: break;
    case grpc::StatusCode::CANCELLED: return Code::unavailable;
    case grpc::StatusCode::UNKNOWN: return Code::unavailable;
    case grpc::StatusCode::INVALID_ARGUMENT: return Code::invalid;
    case grpc::StatusCode::DEADLINE_EXCEEDED: return Code::timed_out;
    case grpc::StatusCode::NOT_FOUND: return Code::not_found;
    case grpc::StatusCode::ALREADY_EXISTS: return Code::exists;
    case grpc::StatusCode::PERMISSION_DENIED: return Code::no_access;
    case grpc::StatusCode::UNAUTHENTICATED: return Code::unauthenticated;
    case grpc::StatusCode::RESOURCE_EXHAUSTED: return Code::too_big;  // over a message limit
    case grpc::StatusCode::FAILED_PRECONDITION: return Code::invalid;
    case grpc::StatusCode::ABORTED: return Code::conflict;
    case grpc::StatusCode::UNIMPLEMENTED: return Code::unsupported;
    case grpc::StatusCode::OUT_OF_RANGE: return Code::invalid;
    case grpc::StatusCode::INTERNAL: return Code::unavailable;
    case grpc::StatusCode::UNAVAILABLE: return Code::unavailable;
    case grpc::StatusCode::DATA_LOSS: return Code::corrupt;
    case grpc::StatusCode::DO_NOT_USE: break;
  }
  CHECK(false);
}

std::optional<Code> code_named(std::string_view name) {
  for (const Code code : kCodes) {
    if (name_of(code) == name) return code;
  }
  return std::nullopt;
}

void write(const Error& error, v1::ErrorDetail* to) {
  to->set_code(std::string(name_of(error.code)));
  to->set_subject(printable(error.subject));
  to->set_message(printable(error.message));
  to->set_current_version(error.current_version);
  to->set_step(error.step);
  to->set_retry_after_ms(error.retry_after_ms);
}

Error read(const v1::ErrorDetail& from) {
  Error error;
  error.code = code_named(from.code()).value_or(Code::unsupported);
  error.message = from.message();
  error.subject = from.subject();
  error.current_version = from.current_version();
  error.step = from.step();
  error.retry_after_ms = from.retry_after_ms();
  return error;
}

grpc::Status to_status(const Error& error) {
  v1::ErrorDetail detail;
  write(error, &detail);
  return {status_code_of(error.code), detail.message(), detail.SerializeAsString()};
}

Error to_error(const grpc::Status& status) {
  v1::ErrorDetail detail;
  if (!status.error_details().empty() && detail.ParseFromString(status.error_details())) {
    const auto code = code_named(detail.code());
    if (code) return read(detail);
  }
  Error error;
  error.code = code_of(status.error_code());
  error.message = status.error_message();
  return error;
}

}  // namespace outboard::wire
