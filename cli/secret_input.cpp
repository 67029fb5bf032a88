#include "cli/secret_input.h"

#include <istream>

#include "cli/local_files.h"

namespace outboard::cli {

Result<std::string> read_secret(std::istream& in, const std::string& file, std::uint64_t bytes_max,
                                const std::string& what) {
  Result<std::string> secret = std::string();
  if (file == "-") {
    std::getline(in, *secret);
  } else {
    secret = read_file(file, bytes_max);
  }
  if (!secret) return secret;
  const std::size_t end = secret->find_last_not_of(" \t\r\n");
  secret->resize(end == std::string::npos ? 0 : end + 1);
  if (!secret->empty()) return secret;
  const std::string where = file == "-" ? "standard input" : file;
  return Error{Code::invalid, "there is no " + what + " in " + where, file};
}

}  // namespace outboard::cli
