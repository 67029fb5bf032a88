// Listener: hears of commits by other servers and by plain SQL.
//
// NOTIFY outboard, 'volume:seq' → heard(), 'journal …' → journal(), from one thread of its own on
// one connection. It is a hint; the logs are the truth. When the connection was lost, hints may
// have been: doubt() is called once it listens again.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <thread>

#include "core/guarded.h"
#include "core/ids.h"
#include "server/postgres/connection.h"

namespace outboard::server {

class Listener {
 public:
  struct Hears {
    std::function<void(VolumeId, Seq)> heard;
    std::function<void(std::string_view)> journal;  // every other payload
    std::function<void()> doubt;
  };
  Listener(std::string url, Hears hears);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

 private:
  void run();
  bool listen(Connection& connection);
  void pause(std::chrono::milliseconds wait);
  bool stopping();

  const std::string url_;
  const Hears hears_;
  int wake_fd_ = -1;  // an eventfd: readable once stopping
  Guarded<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace outboard::server
