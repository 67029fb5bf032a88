#include "program/life.h"

#include <unistd.h>

#include <cstdlib>

#include "core/log.h"

namespace outboard::program {

sigset_t block_end_signals() {
  sigset_t ends;
  ::sigemptyset(&ends);
  for (const int number : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&ends, number);
  ::pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return ends;
}

void await_end(const sigset_t& ends) {
  int received = 0;
  ::sigwait(&ends, &received);
  log_end(received);
}

void log_end(int signal) {
  log(Severity::info, "ending", {{"signal", std::to_string(signal)}});
}

void tell_ready(int fd, const std::vector<std::string>& lines) {
  if (fd < 0) return;
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  if (::write(fd, text.data(), text.size()) < 0) {
    log(Severity::warning, "nobody reads --ready-fd", {{"fd", std::to_string(fd)}});
  }
  ::close(fd);
}

int refuse(std::string_view what, const Error& error) {
  log(Severity::error, what, {{"code", std::string(name_of(error.code))}, {"why", error.message}});
  return EXIT_FAILURE;
}

}  // namespace outboard::program
