// outboard: the command for people. Everything is in command_line.h; here are the real
// surroundings.
#include <sys/ioctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string_view>

#include "cli/command_line.h"

namespace {

using outboard::cli::ScreenConfig;

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

// Whether the locale says that what stands outside ASCII can be shown.
bool speaks_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const auto value = variable(name);
    if (!value || value->empty()) continue;
    return value->find("UTF-8") != std::string::npos || value->find("utf8") != std::string::npos;
  }
  return false;
}

ScreenConfig screen_config() {
  const bool out = ::isatty(STDOUT_FILENO) == 1;
  const bool err = ::isatty(STDERR_FILENO) == 1;
  const bool dumb = variable("TERM").value_or("dumb") == "dumb";
  const bool colours = variable("NO_COLOR").value_or("").empty() && !dumb;
  ScreenConfig config;
  config.colours = out && colours;
  config.error_colours = err && colours;
  config.animated = err && !dumb;
  config.utf8 = speaks_utf8();
  struct winsize size {};
  if (out && ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0) config.columns = size.ws_col;
  return config;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);  // `outboard log | head` is an error of writing, said as such
  std::ios::sync_with_stdio(false);
  outboard::SystemClock clock;
  const outboard::cli::Surroundings around{std::cin,
                                           std::cout,
                                           std::cerr,
                                           screen_config(),
                                           clock,
                                           variable,
                                           outboard::cli::remote_server};
  return outboard::cli::run({words + 1, words + count}, around);
}
