#include "server/site_token.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "core/log.h"

namespace outboard::server {
namespace {

Error cannot(std::string_view what, const std::string& file) {
  return Error{Code::unavailable,
               "cannot " + std::string(what) + " the site token's file " + file + ": " +
                   std::strerror(errno),
               file};
}

Status write_private(const std::string& file, const std::string& line) {
  const std::string draft = file + ".new";
  ::unlink(draft.c_str());
  const int fd = ::open(draft.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd < 0) return cannot("make", file);
  const bool written = ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size()) &&
                       ::fsync(fd) == 0;
  ::close(fd);
  if (written && ::rename(draft.c_str(), file.c_str()) == 0) return success();
  const Error refused = cannot("write", file);
  ::unlink(draft.c_str());
  return refused;
}

}  // namespace

Status keep_site_token(const std::string& file, TokenReader& tokens,
                       const std::function<Result<MintedToken>()>& mint, Moment deadline) {
  std::string secret;
  std::ifstream(file) >> secret;
  if (!secret.empty()) {
    const auto caller = tokens.read(secret, deadline);
    if (caller && caller->organisation == 0) return success();
    if (caller) {
      return Error{Code::invalid,
                   file + " holds the token of " + caller->principal +
                       ", not the site administrator's: name another --site-token-file",
                   file};
    }
    if (caller.error().code != Code::unauthenticated) return caller.error();
  }
  const auto minted = mint();
  if (!minted) return minted.error();
  if (auto written = write_private(file, minted->secret + "\n"); !written) return written;
  log(Severity::info, "site token minted",
      {{"file", file}, {"expires", to_string(minted->info.expires)}});
  return success();
}

}  // namespace outboard::server
