#include "harness/sandboxes/box.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <tuple>

namespace outboard::harness {
namespace {

constexpr std::size_t kLastWordsBytes = 400;

Error box_error(const std::string& path) {
  return Error{errno == ENOSPC ? Code::no_space : Code::unavailable,
               path + ": " + std::strerror(errno) +
                   "; see that the sandboxes' directory is root's and not full",
               path};
}

Status make_directory(const std::string& path, unsigned user, mode_t mode) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return box_error(path);
  if (::lchown(path.c_str(), user, user) != 0 || ::chmod(path.c_str(), mode) != 0) {
    return box_error(path);
  }
  return success();
}

Status write_file(const std::string& path, std::string_view text, unsigned user, mode_t mode) {
  ::unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  const bool written = fd >= 0 && ::fchown(fd, user, user) == 0 &&
                       ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size());
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  errno = reason;
  return written ? success() : Status(box_error(path));
}

Status write_inner_etc(const std::string& etc) {
  const std::pair<const char*, const char*> files[] = {
      {"/passwd",
       "root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:1000:1000::/home/agent:/bin/bash\n"
       "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n"},
      {"/group", "root:x:0:\nagent:x:1000:\nnogroup:x:65534:\n"},
      {"/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"},
      {"/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"}};
  for (const auto& [name, text] : files) {
    if (auto written = write_file(etc + name, text, 0, 0644); !written) return written;
  }
  return success();
}

// Removes what is in a tree by names in open directories, never by path. A tree deeper than our
// descriptors and stack are many is taken apart: what lies too deep is moved to the top.
class TreeRemoval {
 public:
  TreeRemoval(int top, dev_t device) : top_(top), device_(device) {}

  bool all() {
    bool removed = true;
    do {
      moved_ = false;
      removed = below(::fcntl(top_, F_DUPFD_CLOEXEC, 3), 0);
    } while (moved_);
    return removed;
  }

 private:
  static constexpr int kDepthMax = 64;

  // Takes over `directory`.
  bool below(int directory, int depth) {
    DIR* open = ::fdopendir(directory);
    if (open == nullptr) {
      ::close(directory);
      return false;
    }
    ::rewinddir(open);
    bool removed = true;
    while (const dirent* entry = ::readdir(open)) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == ".." || ::unlinkat(directory, entry->d_name, 0) == 0) continue;
      removed = directory_at(directory, entry->d_name, depth) && removed;
    }
    ::closedir(open);
    return removed;
  }

  bool directory_at(int parent, const char* name, int depth) {
    if (depth == kDepthMax) {
      const std::string fresh = ".outboard.deep." + std::to_string(++moves_);
      const bool moved = ::renameat(parent, name, top_, fresh.c_str()) == 0;
      moved_ = moved_ || moved;
      return moved;
    }
    const int child = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat status {};
    if (child < 0 || ::fstat(child, &status) != 0 || status.st_dev != device_) {
      if (child >= 0) ::close(child);
      return false;
    }
    return below(child, depth + 1) && ::unlinkat(parent, name, AT_REMOVEDIR) == 0;
  }

  const int top_;
  const dev_t device_;
  bool moved_ = false;
  unsigned long moves_ = 0;
};

}  // namespace

std::string workspace_of(const std::string& home) {
  return home + "/workspace";
}
std::string record_of(const std::string& home) {
  return home + "/record";
}
std::string socket_of(const std::string& home) {
  return home + "/run/exec.sock";
}
std::string token_of(const std::string& home) {
  return home + "/mount/token";
}
std::string outer_socket_of(const std::string& home) {
  return home + "/outer.sock";
}

Status prepare_box(const std::string& home, const SandboxSpec& spec, unsigned first_user) {
  const unsigned daemon = first_user;
  const unsigned agent = first_user + 1;
  const unsigned commands = first_user + 2;
  for (const char* stale : {"/exec", "/run", "/mount", "/views", "/log"}) {
    if (auto removed = remove_tree(home + stale); !removed) return removed;
  }
  const std::tuple<std::string, unsigned, mode_t> directories[] = {{home, 0, 0711},
                                                                   {home + "/etc", 0, 0755},
                                                                   {home + "/log", 0, 0700},
                                                                   {home + "/run", agent, 0700},
                                                                   {home + "/exec", agent, 0700},
                                                                   {home + "/mount", daemon, 0711},
                                                                   {home + "/views", 0, 0755}};
  for (const auto& [path, user, mode] : directories) {
    if (auto made = make_directory(path, user, mode); !made) return made;
  }
  struct stat known {};
  if (::lstat(workspace_of(home).c_str(), &known) != 0) {
    if (auto made = make_directory(workspace_of(home), commands, 0755); !made) return made;
  }
  for (std::size_t i = 0; i < spec.views.size(); ++i) {
    if (auto made = make_directory(home + "/views/" + std::to_string(i), daemon, 0755); !made) {
      return made;
    }
  }
  if (!spec.token.empty()) {
    if (auto kept = write_file(token_of(home), spec.token, daemon, 0400); !kept) return kept;
  }
  return write_inner_etc(home + "/etc");
}

Status remove_tree(const std::string& path) {
  const int directory = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory < 0) return errno == ENOENT ? success() : Status(box_error(path));
  struct stat status {};
  ::fstat(directory, &status);
  const bool emptied = TreeRemoval(directory, status.st_dev).all();
  const int reason = errno;
  ::close(directory);
  errno = reason;
  if (emptied && ::rmdir(path.c_str()) == 0) return success();
  return box_error(path);
}

std::string last_words(const std::string& home, const std::string& name) {
  std::ifstream file(home + "/log/" + name);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  if (text.empty()) return text;
  if (text.size() > kLastWordsBytes) text.erase(0, text.size() - kLastWordsBytes);
  return "\n" + name + ": " + text;
}

std::string last_words(const std::string& home) {
  std::string words;
  for (const char* name : {"outer", "outboard-fuse", "outboard-exec", "inner"}) {
    words += last_words(home, name);
  }
  return words;
}

BoxLock::BoxLock(const std::string& directory, const SessionId& session)
    : fd_(::open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  struct flock range {};
  range.l_type = F_WRLCK;
  range.l_whence = SEEK_SET;
  for (std::size_t i = 0; i < 7; ++i) range.l_start = range.l_start * 256 + session.uuid.bytes[i];
  range.l_len = 1;
  while (fd_ >= 0 && ::fcntl(fd_, F_OFD_SETLKW, &range) != 0 && errno == EINTR) {
  }
}

BoxLock::~BoxLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace outboard::harness
