// Mounted: one outboard-fuse with one view, for as long as a measurement lasts.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "bench/site.h"

namespace outboard::bench {

class Mounted {
 public:
  struct Settings {
    bool writable = false;
    bool prewarm = false;
    bool tcp = false;  // to the server; else its unix socket
  };
  // Blocks until it is ready.
  Mounted(const Site& site, const std::string& volume, const Settings& settings);
  ~Mounted();
  Mounted(const Mounted&) = delete;
  Mounted& operator=(const Mounted&) = delete;

  const std::string& path() const { return path_; }
  // From exec to ready.
  double start_ms() const { return start_ms_; }
  double memory_mb() const;  // RssAnon
  std::uint64_t nodes() const;
  std::uint64_t cached_bytes() const;
  std::uint64_t requests() const;  // of the kernel, so far
  // Brings all near.
  void warm() const;

 private:
  std::string home_, path_, control_;
  double start_ms_ = 0;
  std::unique_ptr<tests::ChildProcess> daemon_;
};

// Runs the program `name` of ours.
void run_program(const std::string& name, std::vector<std::string> words);

}  // namespace outboard::bench
