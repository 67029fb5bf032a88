// A disk that takes its time: preloaded into Postgres, each fsync and fdatasync takes
// OUTBOARD_FSYNC_US microseconds longer. Only for measurements; nothing links it.
#include <dlfcn.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

namespace {

void wait_as_the_disk_would() {
  static const char* const text = std::getenv("OUTBOARD_FSYNC_US");
  const long microseconds = text == nullptr ? 0 : std::atol(text);
  timespec left{microseconds / 1'000'000, microseconds % 1'000'000 * 1'000};
  while (::nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

int (*real(const char* name))(int) {
  return reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" int fsync(int fd) {
  static int (*const on_disk)(int) = real("fsync");
  const int done = on_disk(fd);
  if (done == 0) wait_as_the_disk_would();
  return done;
}

extern "C" int fdatasync(int fd) {
  static int (*const on_disk)(int) = real("fdatasync");
  const int done = on_disk(fd);
  if (done == 0) wait_as_the_disk_would();
  return done;
}
