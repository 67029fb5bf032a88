// CertificateExaminer: how long the server's TLS certificate is still good. By this machine's own
// clock, as its clients judge it by theirs.
#pragma once

#include <string>

#include "core/diagnosis.h"

namespace outboard::server {

// When the first certificate of a PEM file ends. invalid: there is none in it.
Result<Timestamp> certificate_end(const std::string& pem_file);

class CertificateExaminer final : public Examiner {
 public:
  // `pem_file` empty: no TLS. `clock` outlives it.
  CertificateExaminer(std::string pem_file, const Clock& clock)
      : pem_file_(std::move(pem_file)), clock_(clock) {}
  Result<Diagnosis> examine(const Call& call) override;

 private:
  const std::string pem_file_;
  const Clock& clock_;
};

}  // namespace outboard::server
