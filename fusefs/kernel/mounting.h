// Mounting: how one view gets into the tree and out of it again.
//
// KernelSession → here → mount(2) or fusermount3. OwnMount does it in this process; the mounter's
// views (mounter.h) have it done by a process that may; a HandedMount was mounted by who started
// us.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "core/result.h"
#include "fusefs/kernel/mount_places.h"

namespace outboard::fusefs {

struct MountPlan {
  std::string path;    // an existing directory
  std::string volume;  // its name, for who reads /proc/mounts
  bool read_only = true;
};

class Mounting {
 public:
  virtual ~Mounting() = default;
  // A descriptor of /dev/fuse behind which the kernel now asks; the caller's. exists: once is
  // enough; not_directory, invalid: nothing can be mounted there; unavailable: this process may
  // not.
  virtual Result<int> mount() = 0;
  // Takes the view out of the tree, lazily when it is in use; whatever else stands at its path by
  // then stays. Nothing when it is not there.
  virtual void unmount() = 0;
  // The same, but of a view that no program uses. conflict: one does, and nothing has happened;
  // unsupported: this process cannot find out.
  virtual Status leave() = 0;
  // Ends the connection to the kernel, and no other's: programs that wait hear an error. The view
  // stays in its place: nobody shall write into the directory below it.
  virtual void abort() = 0;
};

class OwnMount final : public Mounting {
 public:
  // With `parent` the place is the last name of the path in that directory, wherever the rest of
  // the path leads by then.
  explicit OwnMount(MountPlan plan, OpenParent parent = nullptr);
  ~OwnMount() override;
  OwnMount(const OwnMount&) = delete;
  OwnMount& operator=(const OwnMount&) = delete;

  Result<int> mount() override;
  void unmount() override;
  Status leave() override;
  void abort() override;
  const MountPlan& plan() const { return plan_; }
  // Its root, with O_PATH; the caller's. Negative: it does not stand.
  int open_root() const;
  // Its daemon is gone: programs that wait hear an error, and it goes.
  void clear_away();

 private:
  struct Libfuse;
  class Place;
  // What stands at the path is what mount() has put there.
  bool stands(const std::string& place) const;

  const MountPlan plan_;
  const OpenParent parent_;
  std::unique_ptr<Libfuse> libfuse_;  // of who mounts and unmounts; abort() may come meanwhile
  std::atomic<bool> mounted_ = false;
  std::atomic<bool> ended_ = false;  // by unmount(): its number may be another's by now
  std::atomic<std::uint64_t> mount_id_ = 0;
  // Its number in /sys/fs/fuse/connections: the device's minor one.
  std::atomic<std::uint32_t> connection_ = 0;
};

class HandedMount final : public Mounting {
 public:
  explicit HandedMount(int descriptor) : descriptor_(descriptor) {}
  // invalid: the descriptor is none of /dev/fuse.
  Result<int> mount() override;
  void unmount() override {}
  Status leave() override;
  void abort() override;

 private:
  const int descriptor_;
};

}  // namespace outboard::fusefs
