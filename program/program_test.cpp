#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "program/command_line.h"
#include "program/life.h"
#include "program/service_manager.h"

namespace outboard::program {
namespace {

struct Words {
  int ready_fd = -1;
  LogOptions log;
};

CommandLine<Words> read(std::vector<const char*> words) {
  words.insert(words.begin(), "x");
  Words config;
  CLI::App app("About.", "x");
  add_ready_option(app, config.ready_fd, "Once ready, one line");
  add_log_options(app, config.log);
  if (auto ending = parse(app, static_cast<int>(words.size()), words.data())) return *ending;
  return config;
}

TEST(CommandLine, LogOptionsAreUnderstood) {
  const auto line = read({"--log", "debug", "--log-format", "json", "--ready-fd", "3"});
  ASSERT_TRUE(line.config) << line.text;
  EXPECT_EQ(line.config->log.least, Severity::debug);
  EXPECT_EQ(line.config->log.format, LogFormat::json);
  EXPECT_EQ(line.config->ready_fd, 3);
}

TEST(CommandLine, HelpNamesWordsAndNoNumbers) {
  const auto line = read({"--help"});
  EXPECT_EQ(line.exit_code, 0);
  EXPECT_NE(line.text.find("--log LEVEL"), std::string::npos) << line.text;
  EXPECT_NE(line.text.find("debug, info, warning or error"), std::string::npos) << line.text;
  EXPECT_EQ(line.text.find("->"), std::string::npos) << line.text;
}

TEST(CommandLine, AWrongLevelIsRefusedWithTheRightOnes) {
  const auto line = read({"--log", "loud"});
  EXPECT_FALSE(line.config);
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_NE(line.text.find("loud"), std::string::npos) << line.text;
  EXPECT_NE(line.text.find("warning"), std::string::npos) << line.text;
  EXPECT_TRUE(line.text.starts_with("x: ")) << "whose error is it? " << line.text;
}

TEST(Life, ReadyIsALineEachAndThenTheEnd) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  tell_ready(ends[1], {"unix:/a", "127.0.0.1:1"});
  std::array<char, 64> said{};
  const auto got = ::read(ends[0], said.data(), said.size());
  EXPECT_EQ(std::string_view(said.data(), static_cast<std::size_t>(got)), "unix:/a\n127.0.0.1:1\n");
  EXPECT_EQ(::read(ends[0], said.data(), said.size()), 0);
  ::close(ends[0]);
}

// A manager's side: a datagram socket under the name that NOTIFY_SOCKET gets.
class Listening {
 public:
  explicit Listening(const std::string& name) : name_(name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name.data(), name.size());
    if (name.front() == '@') address.sun_path[0] = '\0';
    const auto size = offsetof(sockaddr_un, sun_path) + name.size();
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(
        ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)),
        0);
    ::setenv("NOTIFY_SOCKET", name.c_str(), 1);
  }
  ~Listening() {
    ::close(socket_);
    if (name_.front() != '@') ::unlink(name_.c_str());
  }
  std::string heard() const {
    std::array<char, 256> said{};
    const auto got = ::recv(socket_, said.data(), said.size(), 0);
    return {said.data(), got < 0 ? 0 : static_cast<std::size_t>(got)};
  }

 private:
  const std::string name_;
  int socket_ = -1;
};

std::string own_name(const char* before) {
  return before + std::string("outboard-notify-") + std::to_string(::getpid());
}

TEST(ServiceManager, HearsAtAPathAndUnderAnAbstractName) {
  for (const char* before : {"/tmp/", "@"}) {
    const Listening listening(own_name(before));
    const ServiceManager manager;
    EXPECT_EQ(std::getenv("NOTIFY_SOCKET"), nullptr) << "a child would speak in our name";
    EXPECT_FALSE(manager.watchdog());
    manager.ready();
    EXPECT_EQ(listening.heard(), "READY=1\n");
    manager.stopping();
    EXPECT_EQ(listening.heard(), "STOPPING=1\n");
  }
}

TEST(ServiceManager, WhoIsWatchedSaysThatItLivesUntilItEnds) {
  const sigset_t ends = block_end_signals();
  const Listening listening(own_name("@"));
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", std::to_string(::getpid()).c_str(), 1);
  const ServiceManager manager;
  ASSERT_TRUE(manager.watchdog());
  int looked = 0;
  await_end(ends, manager, [&looked] {
    if (++looked == 3) ::kill(::getpid(), SIGTERM);
  });
  EXPECT_EQ(looked, 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(listening.heard(), "WATCHDOG=1\n");
}

TEST(ServiceManager, AnothersWatchdogIsNotOurs) {
  const Listening listening(own_name("@"));
  ::setenv("WATCHDOG_USEC", "20000", 1);
  ::setenv("WATCHDOG_PID", "1", 1);
  EXPECT_FALSE(ServiceManager().watchdog());
}

TEST(ServiceManager, NobodyNeedListen) {
  ::setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
  ServiceManager().ready();
  ::setenv("NOTIFY_SOCKET", "vsock:2:1234", 1);
  ServiceManager().ready();
  ServiceManager().ready();
}

}  // namespace
}  // namespace outboard::program
