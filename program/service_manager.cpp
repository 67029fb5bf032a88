#include "program/service_manager.h"

#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string>

#include "core/log.h"
#include "program/life.h"

namespace outboard::program {
namespace {

std::optional<std::string> take_variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr || *value == '\0') return std::nullopt;
  std::string taken = value;
  ::unsetenv(name);
  return taken;
}

std::optional<std::uint64_t> number_of(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  std::uint64_t number = 0;
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(text->data(), end, number);
  if (error != std::errc() || stop != end || number == 0) return std::nullopt;
  return number;
}

}  // namespace

ServiceManager::ServiceManager() {
  const auto interval = number_of(take_variable("WATCHDOG_USEC"));
  const auto watched = take_variable("WATCHDOG_PID");
  const bool ours = !watched || *watched == std::to_string(::getpid());
  place_ = {take_variable("NOTIFY_SOCKET").value_or(""), interval && ours ? *interval : 0};
  open();
}

ServiceManager::ServiceManager(const Place& place) : place_(place) {
  open();
}

void ServiceManager::open() {
  const std::string& place = place_.socket;
  if (place.empty()) return;
  const bool known = place.front() == '/' || place.front() == '@';
  if (!known || place.size() >= sizeof address_.sun_path) {
    log(Severity::warning, "NOTIFY_SOCKET is no path and no abstract name that a socket can have",
        {{"socket", place}});
    return;
  }
  address_.sun_family = AF_UNIX;
  std::memcpy(address_.sun_path, place.data(), place.size());
  if (place.front() == '@') address_.sun_path[0] = '\0';
  // A path may have its NUL or not; in an abstract name it would count.
  address_size_ = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + place.size());
  socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (place_.watchdog_us > 0) watchdog_ = std::chrono::microseconds(place_.watchdog_us);
}

ServiceManager::~ServiceManager() {
  if (socket_ >= 0) ::close(socket_);
}

void ServiceManager::say(std::string_view words) const {
  if (socket_ < 0) return;
  // Never waits: a manager that does not read must not hold up an end.
  const ssize_t said = ::sendto(socket_, words.data(), words.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                                reinterpret_cast<const sockaddr*>(&address_), address_size_);
  if (said >= 0) return;
  log(Severity::warning, "the service manager does not listen",
      {{"words", std::string(words.substr(0, words.find('\n')))},
       {"errno", std::to_string(errno)}});
}

void await_end(const sigset_t& ends, const ServiceManager& manager,
               const std::function<void()>& look) {
  const auto interval = manager.watchdog();
  if (!interval) return await_end(ends);
  const auto half = *interval / 2;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(half);
  const timespec wait{seconds.count(), std::chrono::nanoseconds(half - seconds).count()};
  int received = -1;
  while (received < 0) {
    look();
    manager.alive();
    received = ::sigtimedwait(&ends, nullptr, &wait);
  }
  log_end(received);
}

}  // namespace outboard::program
