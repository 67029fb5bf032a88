#include "tests/mount/two_mounts.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

namespace outboard::tests {
namespace {

template <class T>
T must(Result<T> result) {
  if (result) return std::move(result).value();
  std::fprintf(stderr, "mount tests: %s\n", result.error().message.c_str());
  std::abort();
}

Moment soon() {
  return std::chrono::steady_clock::now() + std::chrono::seconds(10);
}

// The whole suite runs with less room for names, too: no view may show the difference. [S61]
fusefs::View as_asked(fusefs::View view) {
  const char* nodes = std::getenv("OUTBOARD_TEST_TREE_NODES");
  if (nodes != nullptr && view.tree_nodes_max == kTreeNodesMax) {
    view.tree_nodes_max = std::strtoull(nodes, nullptr, 10);
  }
  return view;
}

}  // namespace

Mount::Mount(Store& store, const Clock& clock, const fusefs::View& view,
             std::chrono::milliseconds stuck_after)
    : numbers_(ClientId{random_uuid()}) {
  volume_ = must(fusefs::MountedVolume::open(store, numbers_, notifier_.invalidator(), clock,
                                             kVolumeName, as_asked(view), soon()));
  follower_ = std::make_unique<fusefs::Follower>(store, *volume_, clock);
  flusher_ = std::make_unique<fusefs::Flusher>(*volume_);
  fusefs::SessionConfig config;
  config.mountpoint = directory_.path();
  config.stuck_after = stuck_after;
  session_ = must(fusefs::KernelSession::start(config, *volume_, notifier_));
}

bool Mount::reach(Seq seq) {
  return volume_->wait_until(seq, soon());
}

TwoMounts::TwoMounts(const VolumeSettings& settings)
    : volume_(store_.add_volume(std::string(kVolumeName), settings)) {
  a_ = std::make_unique<Mount>(store_, clock_);
  b_ = std::make_unique<Mount>(store_, clock_);
}

Seq TwoMounts::head() {
  return must(store_.open_volume(internal_call(soon()), kVolumeName)).head;
}

void TwoMounts::meet() {
  const Seq seq = head();
  ASSERT_TRUE(a_->reach(seq));
  ASSERT_TRUE(b_->reach(seq));
}

fusefs::View roomy(fusefs::View view) {
  view.tree_nodes_max = 1'000;
  return view;
}

void put(const std::string& path, std::string_view bytes, int flags) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0644);
  ASSERT_GE(fd, 0) << path << ": " << std::strerror(errno);
  ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()))
      << std::strerror(errno);
  ASSERT_EQ(close(fd), 0) << std::strerror(errno);
}

std::string get_all(int fd) {
  std::string bytes;
  char buffer[65536];
  for (;;) {
    const ssize_t size = pread(fd, buffer, sizeof buffer, static_cast<off_t>(bytes.size()));
    if (size < 0) return std::string("error: ") + std::strerror(errno);
    if (size == 0) return bytes;
    bytes.append(buffer, static_cast<std::size_t>(size));
  }
}

std::string get(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::string("error: ") + std::strerror(errno);
  std::string bytes = get_all(fd);
  close(fd);
  return bytes;
}

std::map<std::string, std::string> listing(const std::string& directory) {
  std::map<std::string, std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    found[entry.path().filename()] = get(entry.path());
  }
  return found;
}

bool there(const std::string& path) {
  struct stat found {};
  return lstat(path.c_str(), &found) == 0;
}

int open_error(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0644);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

}  // namespace outboard::tests
