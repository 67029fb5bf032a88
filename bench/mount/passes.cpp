#include "bench/mount/passes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "core/check.h"
#include "tests/support/child_process.h"

namespace outboard::bench {
namespace {

using std::chrono::steady_clock;

std::vector<std::string> files_below(const std::string& root) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  return files;
}

template <class Act>
double each_us(const std::vector<std::string>& files, Act act) {
  const auto start = steady_clock::now();
  for (const std::string& file : files) act(file);
  const std::chrono::duration<double, std::micro> took = steady_clock::now() - start;
  return took.count() / static_cast<double>(files.size());
}

bool is_here(const std::string& program) {
  return tests::run({"/bin/sh", "-c", "command -v " + program},
                    tests::ChildOptions{.user = {}, .environment = {}, .output = "/dev/null"}) == 0;
}

}  // namespace

std::vector<Pass> all_passes() {
  const std::vector<Pass> known{
      {"find", "find . -name nothing"},
      {"ls -lR", "ls -lR > /dev/null"},
      {"grep -r", "grep -r 'no such words' . || true"},
      {"rg", "rg -uu 'no such words' . || true"},
      {"git status", "git --git-dir=$STATE/git --work-tree=. status --porcelain > /dev/null"},
      {"tar", "tar cf - . | cat > /dev/null"},
      {"cat all", "find . -type f -print0 | xargs -0 cat > /dev/null"}};
  std::vector<Pass> passes;
  for (const Pass& pass : known) {
    if (is_here(pass.name.substr(0, pass.name.find(' ')))) passes.push_back(pass);
  }
  return passes;
}

double run_pass_ms(const Pass& pass, const std::string& root, const std::string& state) {
  std::filesystem::create_directories(state);
  if (pass.name == "git status" && !std::filesystem::exists(state + "/git")) {
    const std::string git = "git --git-dir=" + state + "/git --work-tree=. ";
    CHECK(tests::run({"/bin/sh", "-c",
                      "cd " + root + " && " + git + "init -q && " + git + "add -A && " + git +
                          "status --porcelain"},
                     tests::ChildOptions{.user = {}, .environment = {}, .output = "/dev/null"}) ==
          0);
  }
  const auto start = steady_clock::now();
  CHECK(tests::run({"/bin/sh", "-c", "cd " + root + " && STATE=" + state + "; " + pass.command},
                   tests::ChildOptions{.user = {}, .environment = {}, .output = "/dev/null"}) == 0);
  return std::chrono::duration<double, std::milli>(steady_clock::now() - start).count();
}

double stat_us(const std::string& root) {
  return each_us(files_below(root), [](const std::string& file) {
    struct stat found {};
    CHECK(::stat(file.c_str(), &found) == 0);
  });
}

double open_read_close_us(const std::string& root) {
  std::array<char, 131'072> buffer{};
  return each_us(files_below(root), [&](const std::string& file) {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    CHECK(::read(fd, buffer.data(), buffer.size()) >= 0);
    CHECK(::close(fd) == 0);
  });
}

}  // namespace outboard::bench
