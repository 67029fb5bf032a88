#include "harness/sandboxes/cgroup.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

namespace outboard::harness {
namespace {

bool has_word(const std::string& list, std::string_view wanted) {
  std::istringstream words(list);
  for (std::string word; std::getline(words, word, ',');) {
    if (word == wanted) return true;
  }
  return false;
}

// Where cgroup2, or the v1 freezer, is mounted.
std::optional<std::string> mountpoint(std::string_view type, std::string_view option) {
  std::ifstream mounts("/proc/self/mounts");
  std::string device;
  std::string path;
  std::string kind;
  std::string options;
  std::string rest;
  while (mounts >> device >> path >> kind >> options && std::getline(mounts, rest)) {
    if (kind == type && (option.empty() || has_word(options, option))) return path;
  }
  return std::nullopt;
}

// This process' own, as /proc/self/cgroup says: "0::/path", "6:freezer:/path".
std::string own_cgroup(std::string_view controller) {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string names = line.substr(first + 1, second - first - 1);
    if (controller.empty() ? names.empty() : has_word(names, controller)) {
      return line.substr(second + 1);
    }
  }
  return "/";
}

bool write_file(const std::string& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  ::close(fd);
  return written;
}

std::string make_at(const std::optional<std::string>& mount, const std::string& own,
                    const std::string& name, const char* freeze_file, unsigned user) {
  if (!mount) return {};
  const std::string path = *mount + (own == "/" ? "" : own) + "/" + name;
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return {};
  if (::chown((path + freeze_file).c_str(), user, user) == 0) return path;
  ::rmdir(path.c_str());
  return {};
}

}  // namespace

std::string make_cgroup(FreezeBy from, const std::string& name, unsigned user) {
  if (from == FreezeBy::signals) return {};
  if (from == FreezeBy::cgroup2) {
    const std::string made =
        make_at(mountpoint("cgroup2", ""), own_cgroup(""), name, "/cgroup.freeze", user);
    if (!made.empty()) return made;
  }
  return make_at(mountpoint("cgroup", "freezer"), own_cgroup("freezer"), name, "/freezer.state",
                 user);
}

void thaw_cgroup(const std::string& path) {
  if (path.empty()) return;
  if (!write_file(path + "/cgroup.freeze", "0")) write_file(path + "/freezer.state", "THAWED");
}

void remove_cgroup(const std::string& path) {
  if (!path.empty()) ::rmdir(path.c_str());
}

}  // namespace outboard::harness
