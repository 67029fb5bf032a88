// Certificates for tests: authorities and what they sign, as PEM files in a folder.
#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <string>

#include "core/check.h"

namespace outboard::tests {

// A key and its certificate; an authority when it signed itself.
class Certificate {
 public:
  // Valid from an hour ago for `life_s` from then on; for localhost.
  Certificate(const std::string& folder, const std::string& name, const Certificate* issuer,
              long life_s = 24 * 3'600L)
      : path_(folder + "/" + name),
        key_(EVP_EC_gen("P-256"), EVP_PKEY_free),
        certificate_(X509_new(), X509_free) {
    X509* x509 = certificate_.get();
    CHECK(key_ && x509 != nullptr);
    static long serial = 1;
    X509_set_version(x509, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x509), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x509), -3'600);
    X509_gmtime_adj(X509_getm_notAfter(x509), life_s - 3'600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    X509_set_pubkey(x509, key_.get());
    const Certificate& signer = issuer == nullptr ? *this : *issuer;
    X509_set_issuer_name(x509, X509_get_subject_name(signer.certificate_.get()));
    extend(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    if (issuer != nullptr) extend(NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
    CHECK(X509_sign(x509, signer.key_.get(), EVP_sha256()) > 0);
    write();
  }

  std::string file() const { return path_ + ".pem"; }
  std::string key_file() const { return path_ + ".key"; }

 private:
  void extend(int kind, const char* value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate_.get(), certificate_.get(), nullptr, nullptr, 0);
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
    CHECK(extension != nullptr && X509_add_ext(certificate_.get(), extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }
  void write() const {
    std::FILE* out = std::fopen(file().c_str(), "w");
    CHECK(out != nullptr && PEM_write_X509(out, certificate_.get()) == 1);
    std::fclose(out);
    out = std::fopen(key_file().c_str(), "w");
    CHECK(out != nullptr &&
          PEM_write_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1);
    std::fclose(out);
  }

  const std::string path_;
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  const std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

}  // namespace outboard::tests
