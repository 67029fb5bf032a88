#include "fusefs/kernel/mounting.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>
#include <vector>

#include "core/log.h"
#include "fusefs/kernel/fuse.h"

namespace outboard::fusefs {
namespace {

// Of a mount, never given again: from Linux 6.8, which this system's headers need not know.
constexpr unsigned kMountIdUnique = 0x4000;
constexpr unsigned kMiscellaneous = 10;  // the major number of /dev/fuse
constexpr unsigned kFuse = 229;          // and the minor one

std::string reason(int number) {
  char text[128] = {};
  return strerror_r(number, text, sizeof text);
}

// `path` as people write it, reached by `place`.
Status check_mountpoint(const std::string& path, const std::string& place) {
  struct stat found {};
  if (stat(place.c_str(), &found) != 0) {
    const int number = errno;
    if (number == ENOTCONN) {
      return Error{Code::invalid,
                   "the mountpoint " + path + " is a mount whose daemon is gone: run `umount " +
                       path + "` first",
                   path};
    }
    return Error{Code::invalid,
                 "the mountpoint " + path + " cannot be used: " + reason(number) +
                     "; it must be an existing directory" +
                     (place == path ? "" : ", and no symbolic link may lead there"),
                 path};
  }
  if (S_ISDIR(found.st_mode)) return success();
  return Error{Code::not_directory,
               "the mountpoint " + path + " is not a directory: give an empty directory", path};
}

// Of what stands there, without asking its daemon.
struct statx look_at(const std::string& path) {
  struct statx found {};
  const int flags = AT_STATX_DONT_SYNC | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT;
  if (statx(AT_FDCWD, path.c_str(), flags, STATX_MNT_ID | kMountIdUnique, &found) != 0) return {};
  return found;
}

// Whether this device is a view of that volume: older kernels give both a mount's and a device's
// number to the next one that comes.
bool shows(std::uint32_t device, const std::string& volume) {
  std::ifstream mounts("/proc/self/mountinfo");
  const std::string number = " 0:" + std::to_string(device) + " ";
  const std::string what = " " + volume + " ";
  for (std::string line; std::getline(mounts, line);) {
    const std::size_t type = line.find(" - fuse");
    if (type == line.npos || line.find(what, type) == line.npos) continue;
    if (line.find(number) < type) return true;
  }
  return false;
}

}  // namespace

// libfuse's part: mount(2) for root, fusermount3 for others. It serves nothing.
struct OwnMount::Libfuse {
  explicit Libfuse(const MountPlan& plan) {
    std::string options = "allow_other,default_permissions,subtype=outboard,fsname=" + plan.volume;
    if (plan.read_only) options += ",ro";
    std::vector<std::string> words{"outboard-fuse", "-o", options};
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    fuse_args args = FUSE_ARGS_INIT(static_cast<int>(pointers.size()), pointers.data());
    const fuse_lowlevel_ops none{};
    session = fuse_session_new(&args, &none, sizeof none, nullptr);
    fuse_opt_free_args(&args);
  }
  ~Libfuse() {
    if (session != nullptr) fuse_session_destroy(session);
  }
  Libfuse(const Libfuse&) = delete;
  Libfuse& operator=(const Libfuse&) = delete;

  // The descriptor, out of libfuse's hands: a copy here would keep the connection alive when its
  // daemon is gone. In its place stands one that means nothing.
  int take() const {
    const int held = fuse_session_fd(session);
    const int taken = fcntl(held, F_DUPFD_CLOEXEC, 3);
    const int nothing = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (nothing < 0 || dup3(nothing, held, O_CLOEXEC) < 0) close(held);
    if (nothing >= 0) close(nothing);
    return taken;
  }

  fuse_session* session = nullptr;
};

// How system calls reach the place, for as long as this lives. An empty path: it is gone.
class OwnMount::Place {
 public:
  explicit Place(const OwnMount& view) : path_(view.plan_.path) {
    if (!view.parent_) return;
    parent_ = view.parent_();
    path_ = parent_ < 0 ? "" : by_descriptor(parent_) + path_.substr(path_.rfind('/'));
  }
  ~Place() {
    if (directory_ >= 0) close(directory_);
    if (parent_ >= 0) close(parent_);
  }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;

  const std::string& path() const { return path_; }
  // For mount(2), which would follow a link in the name's place.
  std::string to_mount_on() {
    if (parent_ < 0) return path_;
    directory_ = open(path_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return directory_ < 0 ? "" : by_descriptor(directory_);
  }

 private:
  static std::string by_descriptor(int number) { return "/proc/self/fd/" + std::to_string(number); }

  std::string path_;
  int parent_ = -1;
  int directory_ = -1;
};

OwnMount::OwnMount(MountPlan plan, OpenParent parent)
    : plan_(std::move(plan)), parent_(std::move(parent)) {}
OwnMount::~OwnMount() = default;

Result<int> OwnMount::mount() {
  if (libfuse_) {
    return Error{Code::exists, "this view is mounted on " + plan_.path + " already", plan_.path};
  }
  Place place(*this);
  const std::string onto = place.to_mount_on();
  if (auto good = check_mountpoint(plan_.path, onto); !good) return std::move(good).error();
  auto libfuse = std::make_unique<Libfuse>(plan_);
  if (libfuse->session == nullptr) {
    return Error{Code::invalid, "libfuse refused the mount options", plan_.path};
  }
  if (fuse_session_mount(libfuse->session, onto.c_str()) != 0) {
    return Error{Code::unavailable,
                 "could not mount on " + plan_.path + ": " + reason(errno) +
                     "; it needs /dev/fuse, and root or fusermount3",
                 plan_.path};
  }
  const int descriptor = libfuse->take();
  libfuse_ = std::move(libfuse);
  const struct statx found = look_at(place.path());
  mount_id_ = found.stx_mnt_id;
  connection_ = found.stx_dev_minor;
  mounted_ = true;
  if (descriptor >= 0) return descriptor;
  unmount();
  return Error{Code::unavailable, "no descriptor is left for " + plan_.path, plan_.path};
}

bool OwnMount::stands(const std::string& place) const {
  const struct statx found = look_at(place);
  return mounted_ && found.stx_dev_major == 0 && found.stx_dev_minor == connection_ &&
         found.stx_mnt_id == mount_id_ && shows(connection_, plan_.volume);
}

int OwnMount::open_root() const {
  const Place place(*this);
  if (!stands(place.path())) return -1;
  const int root = open(place.path().c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  struct statx found {};
  const bool good = root >= 0 &&
                    statx(root, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                          STATX_MNT_ID | kMountIdUnique, &found) == 0 &&
                    found.stx_mnt_id == mount_id_;
  if (good) return root;
  if (root >= 0) close(root);
  return -1;
}

Status OwnMount::leave() {
  const Place place(*this);
  if (stands(place.path())) {
    if (umount2(place.path().c_str(), UMOUNT_NOFOLLOW) != 0) {
      if (errno == EBUSY) {
        return Error{Code::conflict,
                     plan_.path + " is in use: a program has a file open in it, or stands in it",
                     plan_.path};
      }
      return Error{
          Code::unsupported,
          "whether " + plan_.path + " is in use can only be told by root: " + reason(errno),
          plan_.path};
    }
    ended_ = true;
  }
  mounted_ = false;
  libfuse_ = nullptr;
  return success();
}

void OwnMount::unmount() {
  const Place place(*this);
  const bool there = stands(place.path());
  mounted_ = false;
  const auto libfuse = std::exchange(libfuse_, nullptr);
  if (!there) return;
  ended_ = umount2(place.path().c_str(), UMOUNT_NOFOLLOW) == 0;
  if (ended_) return;
  if (errno == EPERM) return fuse_session_unmount(libfuse->session);  // by fusermount3, lazily
  if (errno != EBUSY) return;
  log(Severity::info, "the view is in use: it is taken out of the tree and ends with its daemon",
      {{"mountpoint", plan_.path}});
  umount2(place.path().c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
}

void OwnMount::clear_away() {
  if (!stands(Place(*this).path())) return;
  abort();
  unmount();
}

void OwnMount::abort() {
  if (ended_ || connection_ == 0) return;
  std::ofstream file("/sys/fs/fuse/connections/" + std::to_string(connection_) + "/abort");
  if (file << "1" << std::flush) return;
  const Place place(*this);
  if (!stands(place.path())) return;
  // Without the control filesystem: what an unmount by force does first. Held, it stays.
  const int held = open(place.path().c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  umount2(place.path().c_str(), MNT_FORCE | UMOUNT_NOFOLLOW);
  if (held >= 0) close(held);
}

Result<int> HandedMount::mount() {
  struct stat found {};
  const bool good = fstat(descriptor_, &found) == 0 && S_ISCHR(found.st_mode) &&
                    found.st_rdev == makedev(kMiscellaneous, kFuse);
  if (good) return descriptor_;
  const std::string number = std::to_string(descriptor_);
  return Error{Code::invalid,
               "--fuse-fd " + number + ": descriptor " + number +
                   " is not open on /dev/fuse; hand in the one that was given to mount(2) as fd=",
               number};
}

Status HandedMount::leave() {
  return Error{Code::unsupported, "only who mounted this view can unmount it: it was handed in"};
}

void HandedMount::abort() {
  log(Severity::error, "only who mounted this view can end its connection: it was handed in", {});
}

}  // namespace outboard::fusefs
