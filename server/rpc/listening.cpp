#include "server/rpc/listening.h"

#include <grpcpp/security/server_credentials.h>

#include <fstream>
#include <sstream>

namespace outboard::server {
namespace {

Error invalid(std::string message, std::string subject) {
  Error error;
  error.code = Code::invalid;
  error.message = std::move(message);
  error.subject = std::move(subject);
  return error;
}

Result<std::string> file_content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (!file || content.str().empty()) {
    return invalid("cannot read " + path + "; give a PEM file that this user may read", path);
  }
  return content.str();
}

Result<std::shared_ptr<grpc::ServerCredentials>> tls(const RpcConfig& config) {
  auto certificate = file_content(config.tls_certificate_file);
  if (!certificate) return certificate.error();
  auto key = file_content(config.tls_key_file);
  if (!key) return key.error();
  const bool mutual = !config.tls_client_ca_file.empty();
  grpc::SslServerCredentialsOptions options(
      mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({*key, *certificate});
  if (mutual) {
    auto client_ca = file_content(config.tls_client_ca_file);
    if (!client_ca) return client_ca.error();
    options.pem_root_certs = *client_ca;
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace

bool is_unix(const std::string& address) {
  return address.starts_with("unix:");
}

bool is_loopback(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  if (host == "localhost" || host == "[::1]") return true;
  if (!host.starts_with("127.")) return false;
  // A host name may begin with 127. too; an address has digits and dots only.
  return host.find_first_not_of("0123456789.") == std::string::npos;
}

std::string with_port(const std::string& address, int port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

Result<std::shared_ptr<grpc::ServerCredentials>> credentials_for(const std::string& address,
                                                                 const RpcConfig& config) {
  if (is_unix(address)) return grpc::InsecureServerCredentials();
  if (address.rfind(':') == std::string::npos) {
    return invalid("cannot listen on \"" + address + "\"; write unix:/path or host:port", address);
  }
  const bool with_tls = !config.tls_certificate_file.empty() || !config.tls_key_file.empty();
  if (with_tls) return tls(config);
  if (!config.tls_client_ca_file.empty()) {
    return invalid("a CA for clients but no certificate of the server's own; give all three",
                   config.tls_client_ca_file);
  }
  if (is_loopback(address)) return grpc::InsecureServerCredentials();
  return invalid("will not listen on " + address +
                     " without TLS: tokens would cross the network in the clear; give a "
                     "certificate and its key, or listen on loopback or a unix socket",
                 address);
}

}  // namespace outboard::server
