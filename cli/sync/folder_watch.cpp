#include "cli/sync/folder_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "core/path.h"

namespace outboard::sync {
namespace {

// Of writes their end, so that what is sent is whole where its writer closes it.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_ATTRIB | IN_CREATE | IN_DELETE |
                                  IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF |
                                  IN_ONLYDIR | IN_EXCL_UNLINK;

Error failed(const std::string& doing) {
  const bool full = errno == ENOSPC || errno == EMFILE;
  std::string message = "cannot " + doing + ": " + std::strerror(errno);
  if (full) {
    message +=
        "; raise fs.inotify.max_user_watches (one for each directory) or max_user_instances, or "
        "run `outboard sync --once` every so often";
  }
  return Error{full ? Code::no_space : Code::invalid, std::move(message)};
}

// Of the directory that holds the folder, when a name leaves it.
constexpr std::uint32_t kEventsAbove = IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR;

}  // namespace

Result<FolderWatch> FolderWatch::create() {
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.good()) return failed("watch for changes");
  return FolderWatch(std::move(fd));
}

Status FolderWatch::add(const Folder& folder, const std::string& path) {
  auto opened = folder.open_directory(path);
  if (!opened) return success();  // gone again, which is an event of its parent's
  const std::string through = "/proc/self/fd/" + std::to_string(opened->get());
  // A directory that somebody holds open is removed without an event of its own. Where the one
  // above may not be read there is none at all.
  if (path == "/") ::inotify_add_watch(fd_.get(), (through + "/..").c_str(), kEventsAbove);
  const int watch = ::inotify_add_watch(fd_.get(), through.c_str(), kEvents);
  if (watch < 0) return failed("watch " + folder.shown(path).string());
  if (const auto old = paths_.find(watch); old != paths_.end()) watches_.erase(old->second);
  if (const auto old = watches_.find(path); old != watches_.end() && old->second != watch) {
    paths_.erase(old->second);
  }
  paths_[watch] = path;
  watches_[path] = watch;
  return success();
}

void FolderWatch::forget_below(const std::string& path) {
  const auto drop = [&](std::map<std::string, int>::iterator at) {
    ::inotify_rm_watch(fd_.get(), at->second);
    paths_.erase(at->second);
    return watches_.erase(at);
  };
  if (const auto own = watches_.find(path); own != watches_.end()) drop(own);
  const std::string below = path + "/";
  for (auto at = watches_.lower_bound(below);
       at != watches_.end() && at->first.starts_with(below);) {
    at = drop(at);
  }
}

Result<FolderNews> FolderWatch::take() {
  FolderNews news;
  alignas(inotify_event) std::array<char, 1U << 16U> buffer{};
  for (;;) {
    const ssize_t got = ::read(fd_.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return news;
    if (got <= 0) return failed("read what changed");
    for (std::size_t at = 0; at < static_cast<std::size_t>(got);) {
      inotify_event event{};
      std::memcpy(&event, buffer.data() + at, sizeof(event));
      const char* name = buffer.data() + at + sizeof(event);
      at += sizeof(event) + event.len;
      if ((event.mask & IN_Q_OVERFLOW) != 0) news.lost = true;
      const auto parent = paths_.find(event.wd);
      if (parent == paths_.end()) continue;
      if ((event.mask & IN_IGNORED) != 0) {
        watches_.erase(parent->second);
        paths_.erase(parent);
        continue;
      }
      if (event.len == 0 || name == kStateName) continue;
      const std::string path = join(parent->second, name);
      news.paths.insert(path);
      if ((event.mask & IN_ISDIR) == 0) continue;
      const bool came = (event.mask & (IN_CREATE | IN_MOVED_TO)) != 0;
      const bool left = (event.mask & (IN_DELETE | IN_MOVED_FROM)) != 0;
      if (left) forget_below(path);
      if (came || left) news.directories.insert(path);
    }
  }
}

}  // namespace outboard::sync
