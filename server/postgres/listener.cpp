#include "server/postgres/listener.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "core/check.h"
#include "core/limits.h"
#include "core/log.h"

namespace outboard::server {
namespace {

std::optional<std::pair<VolumeId, Seq>> parse(std::string_view payload) {
  std::uint64_t volume = 0;
  std::uint64_t seq = 0;
  const char* const end = payload.data() + payload.size();
  const auto first = std::from_chars(payload.data(), end, volume);
  if (first.ec != std::errc{} || first.ptr == end || *first.ptr != ':') return std::nullopt;
  const auto second = std::from_chars(first.ptr + 1, end, seq);
  if (second.ec != std::errc{} || second.ptr != end) return std::nullopt;
  return std::pair(VolumeId{volume}, Seq{seq});
}

}  // namespace

Listener::Listener(std::string url, Hears hears)
    : url_(std::move(url)), hears_(std::move(hears)), wake_fd_(eventfd(0, EFD_CLOEXEC)) {
  CHECK(wake_fd_ >= 0);
  thread_ = std::thread([this] { run(); });
}

Listener::~Listener() {
  stopping_.with([](bool& stopping) { stopping = true; });
  CHECK(eventfd_write(wake_fd_, 1) == 0);
  thread_.join();
  ::close(wake_fd_);
}

bool Listener::stopping() {
  return stopping_.with([](bool stopping) { return stopping; });
}

void Listener::pause(std::chrono::milliseconds wait) {
  pollfd waked{wake_fd_, POLLIN, 0};
  ::poll(&waked, 1, static_cast<int>(wait.count()));
}

// One connection's life. False: it could not even listen.
bool Listener::listen(Connection& connection) {
  const Moment deadline = std::chrono::steady_clock::now() + kReadDeadline;
  if (!connection.execute("LISTEN outboard", deadline)) return false;
  hears_.doubt();
  while (!stopping()) {
    auto payloads = connection.notifications(wake_fd_, Moment::max());
    if (!payloads) return true;
    for (const std::string& payload : *payloads) {
      const auto hint = parse(payload);
      if (!hint) hears_.journal(payload);
      if (hint) hears_.heard(hint->first, hint->second);
    }
  }
  return true;
}

void Listener::run() {
  pthread_setname_np(pthread_self(), "listener");
  std::chrono::milliseconds wait = kReconnectWaitMin;
  while (!stopping()) {
    auto opened = Connection::open(url_, std::chrono::steady_clock::now() + kReadDeadline,
                                   {"application_name=outboard-listener"});
    if (opened && listen(**opened)) wait = kReconnectWaitMin;
    if (stopping()) return;
    log(Severity::warning, "listener lost its connection to the database",
        {{"again_in_ms", std::to_string(wait.count())}});
    pause(wait);
    wait = std::min(wait * 2, kReconnectWaitMax);
  }
}

}  // namespace outboard::server
