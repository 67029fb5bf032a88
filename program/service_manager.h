// ServiceManager: tells who started this program (systemd, or what speaks as it does) how it is.
//
// sd_notify(3)'s protocol without its library: lines of NAME=VALUE in a datagram to the socket that
// NOTIFY_SOCKET names. Where there is none, every word goes nowhere. One thread.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <optional>
#include <string_view>

namespace outboard::program {

class ServiceManager {
 public:
  // Takes the environment's words and removes them, so that no child speaks in our name: call it
  // before the first thread is born.
  ServiceManager();
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready() const { say("READY=1\n"); }
  void stopping() const { say("STOPPING=1\n"); }
  void alive() const { say("WATCHDOG=1\n"); }
  // How often alive() is due at least; nothing: nobody watches.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  void say(std::string_view words) const;

  int socket_ = -1;
  sockaddr_un address_{};
  socklen_t address_size_ = 0;
  std::optional<std::chrono::microseconds> watchdog_;
};

// As await_end(ends); meanwhile says `alive` twice within each of the manager's intervals, once
// `look` has returned: it touches what must not hang.
void await_end(const sigset_t& ends, const ServiceManager& manager,
               const std::function<void()>& look);

}  // namespace outboard::program
