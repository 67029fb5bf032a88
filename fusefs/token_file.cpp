#include "fusefs/token_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>

namespace outboard::fusefs {
namespace {

// `newer` is the secret from here on; what was stays nowhere.
void replace_secret(std::string& secret, std::string newer) {
  secret.swap(newer);
  ::explicit_bzero(newer.data(), newer.size());
}

}  // namespace

std::string TokenFile::token() {
  struct stat found {};
  const bool there = ::stat(path_.c_str(), &found) == 0;
  return held_.with([&](Held& held) {
    const bool same = found.st_ino == held.inode && found.st_mtim.tv_sec == held.modified_s &&
                      found.st_mtim.tv_nsec == held.modified_ns;
    if (!there || same) return held.token;
    std::ifstream file(path_);
    std::string token;
    if (file >> token) {  // one word; a file that is just being written keeps the old one
      replace_secret(held.token, std::move(token));
      held.modified_s = found.st_mtim.tv_sec;
      held.modified_ns = found.st_mtim.tv_nsec;
      held.inode = found.st_ino;
    }
    return held.token;
  });
}

Status TokenFile::check() {
  if (!token().empty()) return success();
  if (::access(path_.c_str(), R_OK) != 0 && errno == EACCES) {
    return Error{Code::no_access,
                 "user " + std::to_string(::getuid()) + " may not read the token file " + path_ +
                     ": give it that user, or leave --user out",
                 path_};
  }
  return Error{Code::unauthenticated,
               "there is no token in " + path_ + ": write one there with `outboard token mint`",
               path_};
}

void TokenFile::replace(std::string token) {
  held_.with([&](Held& held) { replace_secret(held.token, std::move(token)); });
}

TokenFile::Held TokenFile::held() {
  return held_.with([](const Held& held) { return held; });
}

void TokenFile::hold(Held held) {
  held_.with([&](Held& now) {
    replace_secret(now.token, std::move(held.token));
    now.modified_s = held.modified_s;
    now.modified_ns = held.modified_ns;
    now.inode = held.inode;
  });
}

}  // namespace outboard::fusefs
