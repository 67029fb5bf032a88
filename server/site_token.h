// The site administrator's token, kept in a file for its owner's eyes: how a new deployment gets
// its first one. Called by main, before requests are served.
#pragma once

#include <functional>
#include <string>

#include "core/admin.h"
#include "core/result.h"
#include "server/token_reader.h"

namespace outboard::server {

// Leaves a file alone whose token is valid and the site's; else asks `mint` for one and writes it,
// whole or not at all, with mode 0600. invalid: the file holds another kind of token.
// unavailable: the file cannot be read or written, or the database was not reached.
Status keep_site_token(const std::string& file, TokenReader& tokens,
                       const std::function<Result<MintedToken>()>& mint, Moment deadline);

}  // namespace outboard::server
