#include "tests/support/temp_directory.h"

#include <cstdlib>
#include <filesystem>

#include "core/check.h"

namespace outboard::tests {

TempDirectory::TempDirectory()
    : path_((std::filesystem::temp_directory_path() / "outboard-test-XXXXXX").string()) {
  CHECK(::mkdtemp(path_.data()) != nullptr);
}

TempDirectory::~TempDirectory() {
  std::error_code ignored;  // what is left over is the temporary directory's cleaner's
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace outboard::tests
