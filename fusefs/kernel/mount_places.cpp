#include "fusefs/kernel/mount_places.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>

#include "core/path.h"

namespace outboard::fusefs {
namespace {

int open_beneath(int directory, const std::string& name) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, directory, name.c_str(), &how, sizeof how));
}

}  // namespace

MountPlaces::MountPlaces(const std::vector<std::string>& directories) {
  for (const std::string& path : directories) {
    allowed_.push_back({path, ::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)});
  }
}

MountPlaces::~MountPlaces() {
  for (const Allowed& one : allowed_) {
    if (one.directory >= 0) ::close(one.directory);
  }
}

std::optional<OpenParent> MountPlaces::parent_of(const std::string& path) const {
  const auto around = std::ranges::find_if(allowed_, [&](const Allowed& one) {
    return one.directory >= 0 && path != one.path && is_within(path, one.path);
  });
  if (around == allowed_.end()) return std::nullopt;
  const std::size_t begin = around->path.size() + 1;
  const std::size_t end = path.rfind('/');
  const std::string parent = end <= begin ? "." : path.substr(begin, end - begin);
  return [directory = around->directory, parent] { return open_beneath(directory, parent); };
}

bool is_plain_path(std::string_view path) {
  if (!path.starts_with('/') || path.size() < 2 || path.ends_with('/')) return false;
  const std::string within = std::string(path) + "/";
  return std::ranges::none_of(
      std::vector<std::string>{"//", "/./", "/../"},
      [&](const std::string& odd) { return within.find(odd) != within.npos; });
}

bool is_plain_volume(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](unsigned char c) {
    return std::isalnum(c) != 0 ||
           std::string_view("~/@._-").find(static_cast<char>(c)) != std::string_view::npos;
  });
}

}  // namespace outboard::fusefs
