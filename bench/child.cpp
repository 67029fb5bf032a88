#include "bench/child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "core/check.h"

namespace outboard::bench {

Child::Child(std::vector<std::string> words) {
  std::array<int, 2> to{};
  std::array<int, 2> from{};
  CHECK(::pipe2(to.data(), O_CLOEXEC) == 0 && ::pipe2(from.data(), O_CLOEXEC) == 0);
  words.insert(words.begin(), "bench_store");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_ = ::fork();
  CHECK(pid_ >= 0);
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(to[0], 0);
    ::dup2(from[1], 1);
    ::execv("/proc/self/exe", arguments.data());
    ::_exit(127);
  }
  ::close(to[0]);
  ::close(from[1]);
  to_ = to[1];
  from_ = from[0];
}

Child::~Child() {
  ::close(to_);
  ::waitpid(pid_, nullptr, 0);
  ::close(from_);
}

void Child::write_line(const std::string& line) const {
  const std::string whole = line + "\n";
  CHECK(::write(to_, whole.data(), whole.size()) == static_cast<ssize_t>(whole.size()));
}

std::string Child::read_line() const {
  std::string line;
  for (char c = 0; ::read(from_, &c, 1) == 1 && c != '\n';) line += c;
  return line;
}

}  // namespace outboard::bench
