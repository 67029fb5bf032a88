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
#include <string>
#include <string_view>

namespace outboard::program {

class ServiceManager {
 public:
  // Takes the environment's words and removes them, so that no child speaks in our name: call it
  // before the first thread is born.
  ServiceManager();
  // Of another process, whose words this one goes on with.
  struct Place {
    std::string socket;  // as NOTIFY_SOCKET names it; empty: there is none
    std::uint64_t watchdog_us = 0;
  };
  explicit ServiceManager(const Place& place);
  const Place& place() const { return place_; }
  ~ServiceManager();
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;

  void ready() const { say("READY=1\n"); }
  void stopping() const { say("STOPPING=1\n"); }
  void alive() const { say("WATCHDOG=1\n"); }
  // The service's main process is that one from here on.
  void main_is(pid_t process) const { say("MAINPID=" + std::to_string(process) + "\n"); }
  // How often alive() is due at least; nothing: nobody watches.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }

 private:
  void open();
  void say(std::string_view words) const;

  Place place_;
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
