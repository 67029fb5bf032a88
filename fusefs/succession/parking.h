// Parking: views that stand still while another process takes them over. [S59, D34]
//
// main, on the control socket's thread → park() → tables() and descriptors() → Parley → the
// successor. While it lives no request is read and nothing is published; requests that programs
// make wait in the kernel. When nobody took over its destructor lets all go on.
//
// What always holds: nothing was changed but that time went by.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/clock.h"
#include "core/result.h"
#include "fusefs/kernel/session.h"
#include "fusefs/volume/flusher.h"
#include "fusefs/volume/request_numbers.h"
#include "fusefs/volume/volume.h"

namespace outboard::fusefs {

// One view of a daemon's.
struct ParkedView {
  std::size_t number = 0;  // the mounter's
  KernelNotifier& notifier;
  MountedVolume& volume;
  Flusher& flusher;
  KernelSession& session;
};

class Parking {
 public:
  // All must outlive it. timed_out: a request was still being answered at `until`, or a view was
  // unmounted; all go on.
  static Result<std::unique_ptr<Parking>> park(std::vector<ParkedView> views, Moment until);
  ~Parking();
  Parking(const Parking&) = delete;
  Parking& operator=(const Parking&) = delete;

  // What handed_views() reads.
  std::string tables(RequestNumbers& numbers) const;
  // The views', in their order; theirs.
  std::vector<int> descriptors() const;

 private:
  explicit Parking(std::vector<ParkedView> views) : views_(std::move(views)) {}

  const std::vector<ParkedView> views_;
  // How many of each stand still.
  std::size_t tellers_ = 0, sessions_ = 0, flushers_ = 0, volumes_ = 0;
};

// One view for the successor.
struct HandedView {
  std::size_t number = 0;
  View view;
  std::string tables;           // MountedVolume::take_over
  std::vector<Notice> notices;  // MountedVolume::announce_again
  HandedSession session;        // without its descriptor
};

// The views of tables(), and the numbers of their requests. corrupt: they cannot be read.
Result<std::vector<HandedView>> handed_views(std::string_view tables, RequestNumbers& numbers);

}  // namespace outboard::fusefs
