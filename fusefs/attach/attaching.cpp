#include "fusefs/attach/attaching.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

namespace outboard::fusefs {
namespace {

class Descriptor {
 public:
  explicit Descriptor(long number) : number_(static_cast<int>(number)) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return number_; }
  explicit operator bool() const { return number_ >= 0; }

 private:
  int number_;
};

Error refused(const std::string& what, const std::string& subject) {
  const int number = errno;
  if (number == EPERM || number == EACCES) {
    return Error{Code::no_access,
                 what + ": it takes root outside of the sandbox (CAP_SYS_ADMIN, CAP_SYS_CHROOT)",
                 subject};
  }
  char text[128] = {};
  const Code code = number == ENOENT || number == ESRCH ? Code::not_found
                    : number == EBUSY                   ? Code::conflict
                    : number == ENOSYS                  ? Code::unsupported
                                                        : Code::invalid;
  return Error{code, what + ": " + strerror_r(number, text, sizeof text), subject};
}

// A sandbox, by one of its processes.
struct Sandbox {
  Descriptor process;  // names it for good, as a number does not
  Descriptor root;     // as it sees it
  std::ifstream mounts;
};

std::string proc(pid_t process, const char* name) {
  return "/proc/" + std::to_string(process) + "/" + name;
}

Result<Sandbox> find_sandbox(pid_t process) {
  const std::string number = std::to_string(process);
  Sandbox found{Descriptor(::syscall(SYS_pidfd_open, process, 0)), Descriptor(-1), {}};
  if (!found.process) return refused("no process " + number + " can be reached", number);
  struct stat theirs {};
  struct stat ours {};
  const bool seen = ::stat(proc(process, "ns/mnt").c_str(), &theirs) == 0 &&
                    ::stat("/proc/self/ns/mnt", &ours) == 0;
  if (!seen) return refused("process " + number + " shows no mount namespace", number);
  if (theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev) {
    return Error{Code::invalid,
                 "process " + number +
                     " has no mount namespace of its own: what stands here stands "
                     "there, and elsewhere `mount --bind` brings it",
                 number};
  }
  Sandbox sandbox{
      std::move(found.process),
      Descriptor(::open(proc(process, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)),
      std::ifstream(proc(process, "mountinfo"))};
  if (!sandbox.root) return refused("the root of process " + number + " cannot be opened", number);
  // What was looked up by its number was the same process all the while.
  if (::syscall(SYS_pidfd_send_signal, sandbox.process.get(), 0, nullptr, 0) != 0) {
    return refused("process " + number + " has ended", number);
  }
  return sandbox;
}

Status enter(const Sandbox& sandbox) {
  if (::setns(sandbox.process.get(), CLONE_NEWNS) == 0) return success();
  return refused("the sandbox's mount namespace cannot be entered", "setns");
}

// As the sandbox's root sees it.
Result<Descriptor> open_place(const Sandbox& sandbox, const std::string& place) {
  open_how how{};
  how.flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  Descriptor found(::syscall(SYS_openat2, sandbox.root.get(), place.c_str(), &how, sizeof how));
  if (found) return found;
  return refused("the sandbox has no directory " + place, place);
}

// The mount of which this is the root; nothing: it is within one. Its daemon is not asked.
std::optional<std::uint64_t> mount_at(int directory) {
  struct statx found {};
  const int flags = AT_EMPTY_PATH | AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT;
  if (::statx(directory, "", flags, STATX_MNT_ID, &found) != 0) return std::nullopt;
  if ((found.stx_attributes & STATX_ATTR_MOUNT_ROOT) == 0) return std::nullopt;
  return found.stx_mnt_id;
}

bool is_view(std::istream& mounts, int directory) {
  const auto mount = mount_at(directory);
  if (!mount) return false;
  const std::string begin = std::to_string(*mount) + " ";
  for (std::string line; std::getline(mounts, line);) {
    if (line.starts_with(begin)) return line.find(" - fuse.outboard ") != std::string::npos;
  }
  return false;
}

Error no_view(const std::string& where) {
  return Error{Code::not_found, "no view stands at " + where, where};
}

}  // namespace

Status attach(const Attachment& what) {
  auto sandbox = find_sandbox(what.process);
  if (!sandbox) return std::move(sandbox).error();
  const Descriptor view(::open(what.view.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  std::ifstream here("/proc/self/mountinfo");
  if (!view || !is_view(here, view.get())) return no_view(what.view);
  const Descriptor copy(::open_tree(
      view.get(), "", AT_EMPTY_PATH | AT_RECURSIVE | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
  if (!copy) return refused("the view at " + what.view + " cannot be copied", what.view);
  if (auto entered = enter(*sandbox); !entered) return entered;
  const auto place = open_place(*sandbox, what.place);
  if (!place) return place.error();
  if (is_view(sandbox->mounts, place->get())) {
    return Error{Code::exists,
                 "a view stands at " + what.place + " of the sandbox already: detach it first",
                 what.place};
  }
  if (::move_mount(copy.get(), "", place->get(), "",
                   MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0) {
    return success();
  }
  return refused("the view cannot be mounted on " + what.place + " of the sandbox", what.place);
}

Status detach(const Attachment& what) {
  auto sandbox = find_sandbox(what.process);
  if (!sandbox) return std::move(sandbox).error();
  if (auto entered = enter(*sandbox); !entered) return entered;
  const std::size_t slash = what.place.rfind('/');
  {
    const auto place = open_place(*sandbox, what.place);
    if (!place) return place.error();
    if (!is_view(sandbox->mounts, place->get())) return no_view(what.place + " of the sandbox");
  }
  // By its name in the directory that holds it: to hold the view itself would keep it in use.
  const auto holder = open_place(*sandbox, slash == 0 ? "/" : what.place.substr(0, slash));
  if (!holder) return holder.error();
  if (::fchdir(holder->get()) != 0) return refused(what.place + " cannot be reached", what.place);
  const int flags = UMOUNT_NOFOLLOW | (what.lazy ? MNT_DETACH : 0);
  if (::umount2(what.place.c_str() + slash + 1, flags) == 0) return success();
  if (errno == EBUSY) {
    return Error{Code::conflict,
                 what.place +
                     " is in use: a program of the sandbox has a file open in it, or stands "
                     "in it; --lazy detaches it all the same",
                 what.place};
  }
  return refused(what.place + " cannot be unmounted", what.place);
}

}  // namespace outboard::fusefs
