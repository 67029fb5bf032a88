// TempDirectory: a fresh directory for one test, gone with all that is in it at the end.
#pragma once

#include <string>

namespace outboard::tests {

class TempDirectory {
 public:
  // Under $TMPDIR or /tmp, only for this user. Aborts the test program when that cannot be made.
  TempDirectory();
  ~TempDirectory();
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace outboard::tests
