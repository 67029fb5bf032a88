// TokenFile: the token this daemon shows, read from a file, and again whenever that changes.
//
// GrpcStore asks for it before each call, from any thread. A token that came over the control
// socket takes the file's place until the file changes.
#pragma once

#include <cstdint>
#include <string>

#include "core/guarded.h"
#include "core/result.h"

namespace outboard::fusefs {

class TokenFile {
 public:
  explicit TokenFile(std::string path) : path_(std::move(path)) {}

  // The newest; when the file cannot be read, the last one that could.
  std::string token();
  // invalid: the file cannot be read or is empty. For the start.
  Status check();
  void replace(std::string token);

  // What another daemon goes on with, and from.
  struct Held {
    std::string token;
    std::int64_t modified_s = 0, modified_ns = 0;
    std::uint64_t inode = 0;
  };
  Held held();
  void hold(Held held);

 private:
  const std::string path_;
  Guarded<Held> held_;
};

}  // namespace outboard::fusefs
