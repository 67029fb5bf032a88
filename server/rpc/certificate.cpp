#include "server/rpc/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "core/limits.h"
#include "proto/endpoint.h"

namespace outboard::server {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
};

}  // namespace

Result<Timestamp> certificate_end(const std::string& pem_file) {
  const auto text = wire::pem_file(pem_file);
  if (!text) return text.error();
  const std::unique_ptr<BIO, Free> bio(
      BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  const std::unique_ptr<X509, Free> certificate(
      PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  std::tm end{};
  if (!certificate || ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &end) != 1) {
    return Error{Code::invalid, "there is no certificate in " + pem_file, pem_file};
  }
  return Timestamp{static_cast<std::int64_t>(::timegm(&end)) * kSecond};
}

Result<Diagnosis> CertificateExaminer::examine(const Call&) {
  Diagnosis found;
  if (pem_file_.empty()) {
    found.fine("certificate", "none: only this machine can connect");
    return found;
  }
  const auto end = certificate_end(pem_file_);
  if (!end) {
    found.wrong("certificate", end.error().message,
                "put a certificate there and restart the server");
    return found;
  }
  const std::int64_t left_s = (end->nanoseconds - clock_.wall().nanoseconds) / kSecond;
  const std::string until = "good until " + to_string(*end);
  constexpr const char* kRenew = "renew it and restart the server";
  if (left_s <= 0) {
    found.wrong("certificate", "ended at " + to_string(*end) + ": clients refuse it", kRenew);
  } else if (left_s < kCertificateLifeLow.count()) {
    found.doubtful("certificate", until, kRenew);
  } else {
    found.fine("certificate", until);
  }
  return found;
}

}  // namespace outboard::server
