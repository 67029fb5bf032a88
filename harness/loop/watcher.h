// Watcher: hears what is not durable, as it happens. The api streams it to applications.
//
// Runner → Watcher. On the runner's thread; must not block. Durable events are heard by tailing the
// journal instead.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/ids.h"

namespace outboard::harness {

class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void on_text(SessionId session, std::uint64_t turn, std::string_view delta) = 0;
  virtual void on_output(SessionId session, OpId op, std::uint64_t offset,
                         std::string_view bytes) = 0;
  // Partial text of that turn is void: the model is asked again.
  virtual void on_dropped(SessionId session, std::uint64_t turn) = 0;
};

class NobodyWatches final : public Watcher {
 public:
  void on_text(SessionId, std::uint64_t, std::string_view) override {}
  void on_output(SessionId, OpId, std::uint64_t, std::string_view) override {}
  void on_dropped(SessionId, std::uint64_t) override {}
};

}  // namespace outboard::harness
