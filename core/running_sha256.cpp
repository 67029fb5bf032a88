#include "core/running_sha256.h"

#include <openssl/evp.h>

#include "core/check.h"

namespace outboard {

RunningSha256::RunningSha256() : context_(EVP_MD_CTX_new()) {
  CHECK(context_ != nullptr && EVP_DigestInit_ex(context_, EVP_sha256(), nullptr) == 1);
}

RunningSha256::~RunningSha256() {
  EVP_MD_CTX_free(context_);
}

void RunningSha256::add(std::string_view bytes) {
  CHECK(EVP_DigestUpdate(context_, bytes.data(), bytes.size()) == 1);
}

Sha256 RunningSha256::finish() {
  Sha256 digest;
  CHECK(EVP_DigestFinal_ex(context_, digest.bytes.data(), nullptr) == 1);
  return digest;
}

}  // namespace outboard
