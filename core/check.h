// CHECK: what must hold because we wrote it so. On in release, too.
#pragma once

namespace outboard {

// Prints the broken invariant and its place, then aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace outboard

#define CHECK(condition) \
  ((condition) ? void() : ::outboard::check_failed(#condition, __FILE__, __LINE__))
