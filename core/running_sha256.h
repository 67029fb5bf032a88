// RunningSha256: the digest of bytes that come in parts. Used by one thread.
#pragma once

#include <string_view>

#include "core/digest.h"

struct evp_md_ctx_st;

namespace outboard {

class RunningSha256 {
 public:
  RunningSha256();
  ~RunningSha256();
  RunningSha256(const RunningSha256&) = delete;
  RunningSha256& operator=(const RunningSha256&) = delete;

  void add(std::string_view bytes);
  // Of all that was added. Once, last.
  Sha256 finish();

 private:
  evp_md_ctx_st* const context_;
};

}  // namespace outboard
