#include "tests/support/test_postgres.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>

#include "core/check.h"
#include "core/log.h"

namespace outboard::tests {
namespace {

constexpr const char* kUser = "postgres";
constexpr int kStartWaitMs = 30'000;

// The newest of the installed versions.
std::string find_bin() {
  int newest = 0;
  std::error_code none;
  for (const auto& version : std::filesystem::directory_iterator("/usr/lib/postgresql", none)) {
    const std::string name = version.path().filename().string();
    int number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (std::filesystem::exists(version.path() / "bin/postgres")) newest = std::max(newest, number);
  }
  if (newest == 0) {
    std::cerr << "no Postgres under /usr/lib/postgresql: install the package postgresql\n";
    CHECK(newest != 0);
  }
  return "/usr/lib/postgresql/" + std::to_string(newest) + "/bin/";
}

void show(const std::string& file) {
  std::ifstream text(file);
  std::cerr << text.rdbuf();
}

// Where the postmaster says that it is ready: sd_notify's datagram socket, so nobody polls.
class ReadySocket {
 public:
  explicit ReadySocket(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_DGRAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(fd_ >= 0 && path.size() < sizeof address.sun_path);
    std::memcpy(address.sun_path, path.data(), path.size());
    ::unlink(path.c_str());
    CHECK(::bind(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    CHECK(::chmod(path.c_str(), 0777) == 0);
  }
  ~ReadySocket() { ::close(fd_); }
  ReadySocket(const ReadySocket&) = delete;
  ReadySocket& operator=(const ReadySocket&) = delete;

  // False when `pid` ended before, or the time is up.
  bool wait_for(pid_t pid) const {
    const int process = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
    std::array<pollfd, 2> events{pollfd{fd_, POLLIN, 0}, pollfd{process, POLLIN, 0}};
    bool ready = false;
    while (!ready && ::poll(events.data(), events.size(), kStartWaitMs) > 0) {
      if ((events[0].revents & POLLIN) == 0) break;
      std::array<char, 512> text{};
      const auto size = ::recv(fd_, text.data(), text.size(), 0);
      ready = size > 0 &&
              std::string_view(text.data(), static_cast<std::size_t>(size)).find("READY=1") !=
                  std::string_view::npos;
    }
    if (process >= 0) ::close(process);
    return ready;
  }

 private:
  int fd_;
};

}  // namespace

TestPostgres& TestPostgres::shared() {
  static TestPostgres& shared = []() -> TestPostgres& {
    // News of each test's server, its migrations above all, would bury what failed.
    set_log("test", {.least = Severity::warning});
    static TestPostgres postgres;
    return postgres;
  }();
  return shared;
}

TestPostgres::TestPostgres(const std::vector<std::string>& settings)
    : bin_(find_bin()), log_(home_.path() + "/log"), settings_(settings) {
  const std::string data = home_.path() + "/data";
  CHECK(::mkdir(data.c_str(), 0700) == 0);
  CHECK(::chmod(home_.path().c_str(), 0777) == 0);
  if (::geteuid() == 0) CHECK(run({"/bin/chown", kUser, data}) == 0);
  const int made = run({bin_ + "initdb", "--pgdata=" + data, "--username=postgres", "--auth=trust",
                        "--no-sync", "--no-instructions", "--locale=C.UTF-8", "--encoding=UTF8"},
                       {.user = kUser, .environment = {}, .output = log_});
  if (made != 0) show(log_);
  CHECK(made == 0);
  start();
}

void TestPostgres::start() {
  postmaster_.reset();
  const std::string ready_path = home_.path() + "/ready";
  const ReadySocket ready(ready_path);
  std::vector<std::string> command{bin_ + "postgres", "-D", home_.path() + "/data"};
  std::vector<std::string> all{"listen_addresses=",
                               "unix_socket_directories=" + home_.path(),
                               "fsync=off",
                               "max_connections=200",
                               "log_min_messages=warning",
                               "shared_buffers=32MB"};
  all.insert(all.end(), settings_.begin(), settings_.end());
  for (const auto& setting : all) command.insert(command.end(), {"-c", setting});
  postmaster_ = std::make_unique<ChildProcess>(
      command, ChildOptions{.user = kUser,
                            .environment = {"NOTIFY_SOCKET=" + ready_path},
                            .output = log_,
                            .end_signal = SIGQUIT});
  const bool up = ready.wait_for(postmaster_->pid());
  if (!up) show(log_);
  CHECK(up);
}

std::string TestPostgres::url_of(const std::string& database) const {
  return "postgresql://postgres@/" + database + "?host=" + home_.path();
}

bool TestPostgres::execute(const std::string& url, const std::string& sql) const {
  return run({bin_ + "psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=" + url,
              "--command=" + sql},
             {.user = {}, .environment = {}, .output = log_}) == 0;
}

std::string TestPostgres::create_database(const std::string& from) {
  const std::string name = "fresh_" + std::to_string(++databases_);
  CHECK(execute(url(), "CREATE DATABASE " + name + " TEMPLATE " + from));
  return url_of(name);
}

std::string TestPostgres::fresh_database() {
  return create_database("template0");
}

std::string TestPostgres::copy_of(const std::string& url) {
  const auto name = url.find("@/") + 2;
  return create_database(url.substr(name, url.find('?') - name));
}

}  // namespace outboard::tests
