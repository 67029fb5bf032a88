// Where an issuer's keys are read from: a file, or an https URL. The only place with libcurl here.
#pragma once

#include <string>

#include "core/clock.h"
#include "core/result.h"

namespace outboard::server::oidc {

// The text of the key set at `location`: a path, or a URL with https:// (http:// for loopback
// only). Follows no redirect. unavailable, timed_out; invalid: a URL that would be read in the
// clear; too_big.
Result<std::string> read_keys(const std::string& location, Moment deadline);

}  // namespace outboard::server::oidc
