// memory: list, read and write the files of a volume; the standard one is <organisation>/memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "cli/context.h"

namespace outboard::cli {

struct ListOptions {
  std::string path = "/";
  std::string volume;
  bool recursive = false;
};
Status list_files(Context& context, const ListOptions& options);

struct CatOptions {
  std::string path;
  std::string volume;
  std::optional<std::uint64_t> version;  // unset: the current one
};
Status cat_file(Context& context, const CatOptions& options);

struct PutOptions {
  std::string path;
  std::string source = "-";  // a file here; "-": standard input
  std::string volume;
  std::optional<std::uint64_t> if_version;  // 0: only when it is absent
  bool append = false;
};
// conflict: the file is not at --if-version; the message says at which.
Status put_file(Context& context, const PutOptions& options);

}  // namespace outboard::cli
