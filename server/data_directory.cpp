#include "server/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "server/cluster.h"

namespace outboard::server {
namespace {

namespace fs = std::filesystem;

Error cannot(std::string_view what, const std::string& path, int reason) {
  return Error{Code::unavailable,
               "cannot " + std::string(what) + " " + path + ": " + std::strerror(reason), path};
}

// The first directory on the way to `path` that `account` may not pass; empty: it may go there.
// The file system identity of this thread alone is changed for the question.
std::string closed_on_the_way(const fs::path& path, const Account& account) {
  const int gid_before = ::setfsgid(account.gid);
  const int uid_before = ::setfsuid(account.uid);
  std::string closed;
  fs::path reached;
  for (const fs::path& part : path) {
    reached /= part;
    struct stat found {};
    if (::stat((reached / ".").c_str(), &found) == 0) continue;
    closed = reached.string();
    break;
  }
  ::setfsuid(static_cast<uid_t>(uid_before));
  ::setfsgid(static_cast<gid_t>(gid_before));
  return closed;
}

Status check_reach(const std::string& path, const std::optional<Account>& run_as) {
  if (!run_as) return success();
  const std::string closed = closed_on_the_way(path, *run_as);
  if (closed.empty()) return success();
  return Error{Code::unavailable,
               "the user " + run_as->name + ", as whom Postgres runs, cannot enter " + closed +
                   ": open it with `chmod o+x " + closed + "` or choose another --data directory",
               closed};
}

Result<int> take_lock(const std::string& path) {
  const std::string file = path + "/lock";
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return cannot("open", file, errno);
  if (::flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
  const int reason = errno;
  ::close(fd);
  if (reason != EWOULDBLOCK) return cannot("lock", file, reason);
  return Error{Code::unavailable,
               "the data directory " + path +
                   " is in use by another outboard-server: stop that one, or choose another "
                   "--data directory",
               path};
}

Status give_to(const std::string& path, const std::optional<Account>& run_as) {
  if (run_as && ::chown(path.c_str(), run_as->uid, run_as->gid) != 0) {
    return cannot("give to user " + run_as->name, path, errno);
  }
  if (::chmod(path.c_str(), 0700) != 0) return cannot("close to others", path, errno);
  return success();
}

// Never follows: the directory under /tmp is removed only while it is a plain, known one.
void remove_socket_directory(const std::string& directory) {
  std::error_code ignored;
  fs::remove(directory + "/.s.PGSQL.5432", ignored);
  fs::remove(directory + "/.s.PGSQL.5432.lock", ignored);
  ::rmdir(directory.c_str());
}

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

Result<std::optional<Account>> choose_account(const std::string& wanted) {
  if (::geteuid() != 0) {
    if (wanted.empty()) return std::optional<Account>();
    return Error{Code::invalid,
                 "--run-as " + wanted + " needs root: without it Postgres runs as this user",
                 wanted};
  }
  if (!wanted.empty()) {
    auto account = find_account(wanted);
    if (!account) return account.error();
    if (account->uid != 0) return std::optional<Account>(*account);
    return Error{Code::invalid, "Postgres refuses to run as root: name another user with --run-as",
                 wanted};
  }
  for (const char* name : {"outboard", "postgres"}) {
    if (auto account = find_account(name)) return std::optional<Account>(*account);
  }
  return Error{Code::unavailable,
               "Postgres refuses to run as root, and there is no user outboard or postgres: make "
               "one with `useradd --system outboard`, or name one with --run-as",
               "outboard"};
}

Result<std::unique_ptr<DataDirectory>> DataDirectory::open(const std::string& path,
                                                           const std::optional<Account>& run_as) {
  std::error_code failed;
  fs::create_directories(path, failed);
  if (failed) return cannot("make", path, failed.value());
  const std::string absolute = fs::canonical(path, failed).string();
  if (failed) return cannot("find", path, failed.value());
  auto lock = take_lock(absolute);
  if (!lock) return lock.error();
  std::unique_ptr<DataDirectory> directory(new DataDirectory(absolute, *lock));
  if (auto reached = check_reach(absolute, run_as); !reached) return reached.error();
  if (auto made = directory->make_socket_directory(run_as); !made) return made.error();
  return directory;
}

Status DataDirectory::make_socket_directory(const std::optional<Account>& run_as) {
  const std::string memo = path_ + "/socket.path";
  if (const std::string left = first_line(memo); !left.empty()) remove_socket_directory(left);
  std::error_code ignored;
  fs::remove(memo, ignored);

  const std::string beside = path_ + "/socket";
  if (fits_a_socket(beside)) {
    if (::mkdir(beside.c_str(), 0700) != 0 && errno != EEXIST) return cannot("make", beside, errno);
    socket_directory_ = beside;
    return give_to(beside, run_as);
  }
  for (const char* place : {"/run/outboard-XXXXXX", "/tmp/outboard-XXXXXX"}) {
    std::string name = place;
    if (::mkdtemp(name.data()) == nullptr) continue;
    socket_directory_ = name;
    std::ofstream(memo) << name << '\n';
    return give_to(name, run_as);
  }
  return cannot("make a directory for the socket under", "/tmp", errno);
}

DataDirectory::~DataDirectory() {
  if (!socket_directory_.empty()) remove_socket_directory(socket_directory_);
  std::error_code ignored;
  fs::remove(path_ + "/socket.path", ignored);
  ::close(lock_fd_);
}

}  // namespace outboard::server
