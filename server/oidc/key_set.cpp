#include "server/oidc/key_set.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "server/oidc/base64url.h"

namespace outboard::server::oidc {
namespace {

using Json = nlohmann::json;

template <auto F>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    F(pointer);
  }
};
using PublicKey = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using Builder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Parameters = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Signature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

constexpr int kRsaBitsMin = 2'048;
constexpr std::size_t kCoordinateBytes = 32;  // of P-256

const unsigned char* raw(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Number number_of(std::string_view bytes) {
  return Number(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

std::optional<std::string> text(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

std::optional<std::string> bytes(const Json& object, const char* name) {
  const auto encoded = text(object, name);
  return encoded ? from_base64url(*encoded) : std::nullopt;
}

PublicKey build(const char* type, OSSL_PARAM_BLD* builder) {
  const Parameters parameters(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!parameters || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters.get()) != 1) {
    return nullptr;
  }
  return PublicKey(key);
}

PublicKey rsa_key(const Json& object) {
  const auto modulus = bytes(object, "n");
  const auto exponent = bytes(object, "e");
  if (!modulus || !exponent) return nullptr;
  const Number n = number_of(*modulus);
  const Number e = number_of(*exponent);
  const Builder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || BN_num_bits(n.get()) < kRsaBitsMin ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  return build("RSA", builder.get());
}

PublicKey ec_key(const Json& object) {
  const auto x = bytes(object, "x");
  const auto y = bytes(object, "y");
  if (text(object, "crv") != "P-256" || !x || !y || x->size() != kCoordinateBytes ||
      y->size() != kCoordinateBytes) {
    return nullptr;
  }
  const std::string point = "\x04" + *x + *y;  // uncompressed
  const Builder builder(OSSL_PARAM_BLD_new());
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) !=
          1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return nullptr;
  }
  return build("EC", builder.get());
}

// A JWT's pair of numbers as OpenSSL takes it; empty when it is none.
std::string der_of(std::string_view signature) {
  if (signature.size() != 2 * kCoordinateBytes) return {};
  Number r = number_of(signature.substr(0, kCoordinateBytes));
  Number s = number_of(signature.substr(kCoordinateBytes));
  const Signature pair(ECDSA_SIG_new());
  if (!r || !s || !pair || ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) return {};
  (void)r.release();  // the pair's now
  (void)s.release();
  unsigned char* out = nullptr;
  const int size = i2d_ECDSA_SIG(pair.get(), &out);
  if (size <= 0) return {};
  std::string der(reinterpret_cast<const char*>(out), static_cast<std::size_t>(size));
  OPENSSL_free(out);
  return der;
}

bool checks(EVP_PKEY* key, std::string_view text_signed, std::string_view signature) {
  const DigestContext context(EVP_MD_CTX_new());
  return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key) == 1 &&
         EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text_signed),
                          text_signed.size()) == 1;
}

}  // namespace

struct KeySet::Key {
  std::string id;
  std::string algorithm;
  PublicKey key;
};

Result<KeySet> KeySet::parse(std::string_view json) {
  const Json set = Json::parse(json, nullptr, false);
  const auto keys = set.is_object() ? set.find("keys") : set.end();
  if (!set.is_object() || keys == set.end() || !keys->is_array()) {
    return Error{Code::invalid,
                 "this is no set of keys: an OIDC issuer publishes one as {\"keys\": […]}; give "
                 "its file or its jwks_uri"};
  }
  KeySet parsed;
  for (const Json& object : *keys) {
    if (!object.is_object() || text(object, "use").value_or("sig") != "sig") continue;
    const auto type = text(object, "kty");
    auto key = std::make_shared<Key>();
    key->id = text(object, "kid").value_or("");
    key->algorithm = type == "RSA" ? "RS256" : "ES256";
    if (type == "RSA") key->key = rsa_key(object);
    if (type == "EC") key->key = ec_key(object);
    if (key->key && text(object, "alg").value_or(key->algorithm) == key->algorithm) {
      parsed.keys_.push_back(std::move(key));
    }
  }
  if (!parsed.keys_.empty()) return parsed;
  return Error{Code::invalid,
               "none of the issuer's keys is for RS256 (2,048 bits or more) or ES256: have it sign "
               "with one of these"};
}

const KeySet::Key* KeySet::find(std::string_view id) const {
  if (id.empty()) return keys_.size() == 1 ? keys_.front().get() : nullptr;
  const auto found =
      std::find_if(keys_.begin(), keys_.end(), [&](const auto& key) { return key->id == id; });
  return found == keys_.end() ? nullptr : found->get();
}

bool KeySet::has(std::string_view id) const {
  return find(id) != nullptr;
}

bool KeySet::verifies(std::string_view id, std::string_view algorithm, std::string_view text_signed,
                      std::string_view signature) const {
  const Key* key = find(id);
  if (key == nullptr || key->algorithm != algorithm) return false;
  if (algorithm == "RS256") return checks(key->key.get(), text_signed, signature);
  const std::string der = der_of(signature);
  return !der.empty() && checks(key->key.get(), text_signed, der);
}

}  // namespace outboard::server::oidc
