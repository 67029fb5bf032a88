#include "server/rpc/listening.h"

#include <grpcpp/security/server_credentials.h>
#include <sys/stat.h>

#include <string_view>

#include "core/log.h"
#include "proto/endpoint.h"
#include "server/rpc/addresses.h"

namespace outboard::server {
namespace {

Result<std::shared_ptr<grpc::ServerCredentials>> tls(const RpcConfig& config) {
  auto certificate = wire::pem_file(config.tls_certificate_file);
  if (!certificate) return certificate.error();
  auto key = wire::pem_file(config.tls_key_file);
  if (!key) return key.error();
  const bool mutual = !config.tls_client_ca_file.empty();
  grpc::SslServerCredentialsOptions options(
      mutual ? GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY
             : GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE);
  options.pem_key_cert_pairs.push_back({*key, *certificate});
  if (mutual) {
    auto client_ca = wire::pem_file(config.tls_client_ca_file);
    if (!client_ca) return client_ca.error();
    options.pem_root_certs = *client_ca;
  }
  return grpc::SslServerCredentials(options);
}

}  // namespace

std::string with_port(const std::string& address, int port) {
  return address.substr(0, address.rfind(':') + 1) + std::to_string(port);
}

void open_to_all_users(const std::string& address) {
  if (!wire::is_unix(address)) return;
  std::string path = address.substr(std::string_view("unix:").size());
  if (path.starts_with("//")) path.erase(0, 2);
  if (::chmod(path.c_str(), 0666) == 0) return;
  log(Severity::warning, "only this server's own user can connect", {{"address", address}});
}

Result<std::shared_ptr<grpc::ServerCredentials>> credentials_for(const std::string& address,
                                                                 const RpcConfig& config) {
  if (auto good = check_address(address, config); !good) return good.error();
  if (wire::is_unix(address) || !has_tls(config)) return grpc::InsecureServerCredentials();
  return tls(config);
}

}  // namespace outboard::server
