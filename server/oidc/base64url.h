// base64url without padding (RFC 4648 §5), as JWTs and key sets have it. Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace outboard::server::oidc {

// Nothing when it is no such text.
std::optional<std::string> from_base64url(std::string_view text);
std::string to_base64url(std::string_view bytes);

}  // namespace outboard::server::oidc
