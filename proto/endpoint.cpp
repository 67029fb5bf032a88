#include "proto/endpoint.h"

#include <fstream>
#include <sstream>

namespace outboard::wire {

bool is_unix(std::string_view address) {
  return address.starts_with("unix:");
}

bool is_loopback(std::string_view address) {
  const std::string_view host = address.substr(0, address.rfind(':'));
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") &&
         host.find_first_not_of("0123456789.") == std::string_view::npos;
}

Result<std::string> pem_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (file && !content.str().empty()) return content.str();
  Error error;
  error.code = Code::invalid;
  error.message = "cannot read " + path + "; give a PEM file that this user may read";
  error.subject = path;
  return error;
}

}  // namespace outboard::wire
