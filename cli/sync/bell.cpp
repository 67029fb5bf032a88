#include "cli/sync/bell.h"

#include <sys/eventfd.h>

#include "core/check.h"

namespace outboard::sync {

Bell::Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  CHECK(fd_.good());
}

bool Bell::offer(const std::shared_ptr<const FeedItem>& item) {
  const bool taken = queue_.offer(item);
  ::eventfd_write(fd_.get(), 1);
  return taken;
}

void Bell::ring() {
  queue_.wake();
  ::eventfd_write(fd_.get(), 1);
}

void Bell::silence() {
  eventfd_t ignored = 0;
  ::eventfd_read(fd_.get(), &ignored);
}

}  // namespace outboard::sync
