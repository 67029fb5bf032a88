// Bodies: words of any length, kept in the event or in a blob, and found again.
//
// Runner ↔ Bodies ↔ Blobs. What was kept or found lately is remembered, within a budget, so that a
// prompt made anew each turn does not fetch the whole conversation. One thread.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "harness/journal/blobs.h"
#include "harness/session/event.h"

namespace outboard::harness {

class Bodies {
 public:
  Bodies(Blobs& blobs, const Clock& clock, SessionId session)
      : blobs_(blobs), clock_(clock), session_(session) {}

  // Text: made valid UTF-8; in the event when it fits there.
  Result<Body> keep(const std::string& words);
  // Bytes as they are, always a blob.
  Result<Body> keep_bytes(const std::string& bytes);
  Result<std::string> find(const Body& body);

 private:
  void remember(const Sha256& digest, const std::string& words);

  Blobs& blobs_;
  const Clock& clock_;
  const SessionId session_;
  std::map<Sha256, std::string> known_;
  std::size_t known_bytes_ = 0;
};

}  // namespace outboard::harness
