#include "bench/mount/writes.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <thread>

#include "core/check.h"

namespace outboard::bench {
namespace {

using std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

void write_file(const std::string& path, int flags, const std::string& bytes) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  CHECK(fd >= 0);
  CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  CHECK(::close(fd) == 0);
}

std::string read_file(const std::string& path) {
  std::array<char, 4096> buffer{};
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  const ssize_t size = ::read(fd, buffer.data(), buffer.size());
  ::close(fd);
  return {buffer.data(), static_cast<std::size_t>(size < 0 ? 0 : size)};
}

bool is_listed(const std::string& directory, const std::string& name) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename() == name) return true;
  }
  return false;
}

// `change(i)` on a thread of its own, `shown(i)` asked here until it says yes.
template <class Change, class Shown>
std::vector<double> until_shown(int count, Change change, Shown shown) {
  std::vector<double> took;
  for (int i = 0; i < count; ++i) {
    std::atomic<steady_clock::time_point> start{};
    std::thread writer([&] { start = change(i); });
    while (!shown(i)) {
    }
    const auto seen = steady_clock::now();
    writer.join();
    took.push_back(Milliseconds(seen - start.load()).count());
  }
  return took;
}

}  // namespace

std::vector<double> creates_ms(const std::string& root, int count) {
  const std::string bytes(1024, 'x');
  std::vector<double> took;
  std::filesystem::create_directories(root);
  for (int i = 0; i < count; ++i) {
    const auto start = steady_clock::now();
    write_file(root + "/new" + std::to_string(i), O_EXCL, bytes);
    took.push_back(Milliseconds(steady_clock::now() - start).count());
  }
  return took;
}

std::vector<double> appends_ms(const std::string& root, int count) {
  const std::string bytes(100, 'x');
  std::vector<double> took;
  std::filesystem::create_directories(root);
  for (int i = 0; i < count; ++i) {
    const auto start = steady_clock::now();
    write_file(root + "/log", O_APPEND, bytes);
    took.push_back(Milliseconds(steady_clock::now() - start).count());
  }
  return took;
}

double creates_per_second(const std::string& root, int writers, int each) {
  const auto start = steady_clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < writers; ++i) {
    threads.emplace_back([&, i] { creates_ms(root + "/" + std::to_string(i), each); });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> took = steady_clock::now() - start;
  return writers * each / took.count();
}

std::vector<double> until_read_ms(const std::string& from, const std::string& to, int count) {
  write_file(from + "/fresh", O_TRUNC, "begin");
  const auto text = [](int i) { return "content number " + std::to_string(i); };
  return until_shown(
      count,
      [&](int i) {
        const int fd = ::open((from + "/fresh").c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC);
        CHECK(fd >= 0);
        const std::string bytes = text(i);
        CHECK(::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
        const auto start = steady_clock::now();
        CHECK(::close(fd) == 0);
        return start;
      },
      [&](int i) { return read_file(to + "/fresh") == text(i); });
}

std::vector<double> until_listed_ms(const std::string& from, const std::string& to, int count) {
  std::filesystem::create_directories(from + "/listed");
  while (!std::filesystem::exists(to + "/listed")) {
  }
  return until_shown(
      count,
      [&](int i) {
        const std::string path = from + "/listed/" + std::to_string(i);
        const auto start = steady_clock::now();
        write_file(path, 0, "x");
        return start;
      },
      [&](int i) { return is_listed(to + "/listed", std::to_string(i)); });
}

}  // namespace outboard::bench
