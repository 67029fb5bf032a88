// PathGlob: which paths are meant by "*.md" or "/notes/**/[a-c]*.{md,txt}".
//
// "*" and "?" stay within a name, "**" crosses "/"; without "/" a glob is matched with the file's
// name, else with its whole path. Names are bytes and need not be UTF-8. Immutable: any thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "core/result.h"

namespace outboard {

class PathGlob {
 public:
  // invalid: a bracket or brace is left open.
  static Result<PathGlob> compile(const std::string& glob);
  ~PathGlob();
  PathGlob(PathGlob&&) noexcept;
  PathGlob& operator=(PathGlob&&) noexcept;

  bool takes(std::string_view path) const;

 private:
  struct Parts;
  explicit PathGlob(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard
