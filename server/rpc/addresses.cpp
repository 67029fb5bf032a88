#include "server/rpc/addresses.h"

#include <utility>

#include "proto/endpoint.h"

namespace outboard::server {
namespace {

Error invalid(std::string message, std::string subject) {
  Error error;
  error.code = Code::invalid;
  error.message = std::move(message);
  error.subject = std::move(subject);
  return error;
}

Status check_files(const RpcConfig& config) {
  for (const std::string& file : {config.tls_certificate_file, config.tls_key_file}) {
    if (auto read = wire::pem_file(file); !read) return read.error();
  }
  if (config.tls_client_ca_file.empty()) return success();
  if (auto read = wire::pem_file(config.tls_client_ca_file); !read) return read.error();
  return success();
}

}  // namespace

bool has_tls(const RpcConfig& config) {
  return !config.tls_certificate_file.empty() || !config.tls_key_file.empty();
}

Status check_address(const std::string& address, const RpcConfig& config) {
  if (wire::is_unix(address)) return success();
  if (address.rfind(':') == std::string::npos) {
    return invalid("cannot listen on \"" + address + "\"; write unix:/path or host:port", address);
  }
  if (has_tls(config)) return check_files(config);
  if (!config.tls_client_ca_file.empty()) {
    return invalid("a CA for clients but no certificate of the server's own; give all three",
                   config.tls_client_ca_file);
  }
  if (wire::is_loopback(address)) return success();
  return invalid("will not listen on " + address +
                     " without TLS: tokens would cross the network in the clear; give a "
                     "certificate and its key, or listen on loopback or a unix socket",
                 address);
}

Status check_addresses(const RpcConfig& config) {
  for (const std::string& address : config.listen) {
    if (auto good = check_address(address, config); !good) return good;
  }
  return success();
}

}  // namespace outboard::server
