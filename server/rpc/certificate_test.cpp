#include "server/rpc/certificate.h"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>

namespace outboard::server {
namespace {

constexpr long kDay_s = 86'400;

// A certificate that is good for so long, in a file that goes with it.
class Certificate {
 public:
  explicit Certificate(long seconds)
      : path_((std::filesystem::temp_directory_path() /
               ("outboard-certificate-" + std::to_string(::getpid()) + ".pem"))
                  .string()) {
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(EVP_EC_gen("P-256"),
                                                                  EVP_PKEY_free);
    const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), X509_free);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -2 * kDay_s);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), seconds);
    X509_set_pubkey(made.get(), key.get());
    X509_sign(made.get(), key.get(), EVP_sha256());
    std::FILE* const file = std::fopen(path_.c_str(), "w");
    PEM_write_X509(file, made.get());
    std::fclose(file);
  }
  ~Certificate() { std::filesystem::remove(path_); }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
};

Verdict verdict_of(const std::string& file) {
  const SystemClock clock;
  return CertificateExaminer(file, clock).examine({})->findings.at(0).verdict;
}

TEST(CertificateExaminer, WhatEndsSoonIsDoubtfulAndWhatEndedIsWrong) {
  EXPECT_EQ(verdict_of(""), Verdict::fine);
  EXPECT_EQ(verdict_of(Certificate(90 * kDay_s).path()), Verdict::fine);
  EXPECT_EQ(verdict_of(Certificate(3 * kDay_s).path()), Verdict::doubtful);
  EXPECT_EQ(verdict_of(Certificate(-kDay_s).path()), Verdict::wrong);
  EXPECT_EQ(verdict_of("/etc/hostname"), Verdict::wrong);
  EXPECT_EQ(verdict_of("/nonexistent.pem"), Verdict::wrong);
}

}  // namespace
}  // namespace outboard::server
