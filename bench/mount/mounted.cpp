#include "bench/mount/mounted.h"

#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iostream>

#include "client/mount_control.h"
#include "core/check.h"

namespace outboard::bench {
namespace {

constexpr std::chrono::seconds kWait{60};

client::MountedView view_of(const std::string& control) {
  const auto report = must(client::ask_mount(control, in(kWait)));
  CHECK(report.views.size() == 1);
  return report.views.front();
}

}  // namespace

Mounted::Mounted(const Site& site, const std::string& volume, const Settings& settings) {
  home_ = "/tmp/outboard-bench-mount-XXXXXX";
  CHECK(::mkdtemp(home_.data()) != nullptr);
  path_ = home_ + "/view";
  control_ = home_ + "/control";
  std::filesystem::create_directory(path_);
  std::ofstream(home_ + "/token") << site.token();
  std::array<int, 2> ready{};
  CHECK(::pipe(ready.data()) == 0);
  std::vector<std::string> command{
      PROGRAMS_DIRECTORY "/outboard-fuse",
      "--server=" + (settings.tcp ? site.tcp_address() : site.address()),
      "--token-file=" + home_ + "/token",
      "--mount=" + path_ + "=" + volume + (settings.writable ? ":rw" : ":ro"),
      "--control=" + control_,
      "--log=warning",
      "--ready-fd=" + std::to_string(ready[1])};
  if (settings.prewarm) command.emplace_back("--prewarm");
  const Moment start = std::chrono::steady_clock::now();
  daemon_ = std::make_unique<tests::ChildProcess>(
      command, tests::ChildOptions{.user = {}, .environment = {}, .output = home_ + "/fuse.log"});
  ::close(ready[1]);
  char first = 0;
  const bool mounted = ::read(ready[0], &first, 1) == 1;
  start_ms_ =
      std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  ::close(ready[0]);
  if (mounted) return;
  std::cerr << std::ifstream(home_ + "/fuse.log").rdbuf();
  fail_with(Error{Code::unavailable, "the mount did not start"});
}

Mounted::~Mounted() {
  daemon_.reset();
  std::error_code ignored;
  std::filesystem::remove_all(home_, ignored);
}

double Mounted::memory_mb() const {
  std::ifstream file("/proc/" + std::to_string(daemon_->pid()) + "/status");
  for (std::string word; file >> word;) {
    double kilobytes = 0;
    if (word == "RssAnon:" && file >> kilobytes) return kilobytes / 1000;
  }
  return 0;
}

std::uint64_t Mounted::nodes() const {
  return view_of(control_).nodes;
}

std::uint64_t Mounted::cached_bytes() const {
  return view_of(control_).cached_bytes;
}

std::uint64_t Mounted::requests() const {
  std::uint64_t all = 0;
  for (const auto& [name, count] : view_of(control_).requests) {
    // What the kernel forgets, it forgets when it likes: not for anybody who waits.
    if (name != "FORGET" && name != "BATCH_FORGET") all += count;
  }
  return all;
}

void Mounted::warm() const {
  must(client::warm_mount(control_, "", 256U << 20U, in(kWait)));
}

void run_program(const std::string& name, std::vector<std::string> words) {
  words.insert(words.begin(), PROGRAMS_DIRECTORY "/" + name);
  CHECK(tests::run(words,
                   tests::ChildOptions{.user = {}, .environment = {}, .output = "/dev/null"}) == 0);
}

}  // namespace outboard::bench
