// Signer: an issuer for tests: keys of its own, the set it publishes, the ID tokens it signs.
#pragma once

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "core/check.h"
#include "server/oidc/base64url.h"

namespace outboard::server::oidc {

class Signer {
 public:
  // "RS256" or "ES256".
  Signer(std::string id, std::string algorithm)
      : id_(std::move(id)),
        algorithm_(std::move(algorithm)),
        key_(algorithm_ == "RS256" ? EVP_RSA_gen(2'048U) : EVP_EC_gen("P-256"), EVP_PKEY_free) {
    CHECK(key_ != nullptr);
  }

  nlohmann::json key() const {
    if (algorithm_ == "RS256") {
      return {{"kty", "RSA"},
              {"kid", id_},
              {"use", "sig"},
              {"alg", "RS256"},
              {"n", number(OSSL_PKEY_PARAM_RSA_N)},
              {"e", number(OSSL_PKEY_PARAM_RSA_E)}};
    }
    return {{"kty", "EC"},
            {"kid", id_},
            {"crv", "P-256"},
            {"x", number(OSSL_PKEY_PARAM_EC_PUB_X, 32)},
            {"y", number(OSSL_PKEY_PARAM_EC_PUB_Y, 32)}};
  }
  std::string set() const { return nlohmann::json{{"keys", {key()}}}.dump(); }

  std::string sign(const nlohmann::json& claims) const {
    return sign(claims, {{"alg", algorithm_}, {"kid", id_}});
  }
  std::string sign(const nlohmann::json& claims, const nlohmann::json& header) const {
    const std::string text = to_base64url(header.dump()) + "." + to_base64url(claims.dump());
    return text + "." + to_base64url(signature(text));
  }

 private:
  std::string number(const char* name, int size = 0) const {
    BIGNUM* value = nullptr;
    CHECK(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    std::string bytes = bytes_of(value, size > 0 ? size : BN_num_bytes(value));
    BN_free(value);
    return to_base64url(bytes);
  }
  static std::string bytes_of(const BIGNUM* value, int size) {
    std::string bytes(static_cast<std::size_t>(size), '\0');
    CHECK(BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()), size) == size);
    return bytes;
  }
  std::string signature(const std::string& text) const {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    CHECK(EVP_DigestSignInit(context, nullptr, EVP_sha256(), nullptr, key_.get()) == 1);
    const auto* raw = reinterpret_cast<const unsigned char*>(text.data());
    std::size_t size = 0;
    CHECK(EVP_DigestSign(context, nullptr, &size, raw, text.size()) == 1);
    std::string bytes(size, '\0');
    CHECK(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(bytes.data()), &size, raw,
                         text.size()) == 1);
    EVP_MD_CTX_free(context);
    bytes.resize(size);
    if (algorithm_ == "RS256") return bytes;
    const auto* der = reinterpret_cast<const unsigned char*>(bytes.data());
    ECDSA_SIG* pair = d2i_ECDSA_SIG(nullptr, &der, static_cast<long>(bytes.size()));
    std::string both = bytes_of(ECDSA_SIG_get0_r(pair), 32) + bytes_of(ECDSA_SIG_get0_s(pair), 32);
    ECDSA_SIG_free(pair);
    return both;
  }

  const std::string id_;
  const std::string algorithm_;
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
};

}  // namespace outboard::server::oidc
