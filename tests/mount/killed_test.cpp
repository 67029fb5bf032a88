// Programs that are killed or interrupted while they wait for a store that does not answer. [S9]
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <future>
#include <thread>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"
#include "tests/support/child_process.h"

namespace outboard::tests {
namespace {

// Whoever waits for these has not been let go.
constexpr std::chrono::seconds kDeadline{60};
constexpr std::chrono::seconds kAtOnce{20};

class Killed : public TwoMounts {
 protected:
  static fusefs::View patient() {
    fusefs::View view;
    view.read_deadline = kDeadline;
    view.write_deadline = kDeadline;
    return view;
  }
  // A program that says in a file that it is there, and goes on once another file is.
  std::unique_ptr<ChildProcess> program(const std::string& before, const std::string& then) {
    EXPECT_EQ(mkfifo((marks_.path() + "/go").c_str(), 0600), 0);
    const std::string words =
        "import fcntl, os, signal, sys\nroot, mark = sys.argv[1] + '/', sys.argv[2]\n" + before +
        "\nopen(mark + '/ready', 'w').close()\nopen(mark + '/go').close()\n" + then;
    return std::make_unique<ChildProcess>(
        std::vector<std::string>{"/usr/bin/python3", "-c", words, mount_->path(), marks_.path()});
  }
  void await_ready() {
    while (!there(marks_.path() + "/ready")) std::this_thread::yield();
  }
  // Both ends of a pipe with a name wait for each other.
  void go() { close(open((marks_.path() + "/go").c_str(), O_WRONLY)); }
  void forget_marks() {
    unlink((marks_.path() + "/ready").c_str());
    unlink((marks_.path() + "/go").c_str());
  }
  bool is_waiting() { return frozen_.wait_for_callers(1, clock_.now() + kAtOnce); }
  static void dies_at_once(ChildProcess& child, int signal) {
    const auto start = std::chrono::steady_clock::now();
    child.signal(signal);
    EXPECT_EQ(child.wait(), 128 + signal);
    EXPECT_LT(std::chrono::steady_clock::now() - start, kAtOnce);
  }

  FrozenStore frozen_{store_};
  TempDirectory marks_;
  std::unique_ptr<Mount> mount_ = std::make_unique<Mount>(frozen_, clock_, patient());
};

// Every call of the kernel's that asks the store: what is done before, and the call.
struct Asking {
  const char* before;
  const char* call;
};
constexpr Asking kAsking[] = {
    {"fd = os.open(root + 'close', os.O_WRONLY); os.write(fd, b'new')", "os.close(fd)"},
    {"fd = os.open(root + 'sync', os.O_WRONLY); os.write(fd, b'new')", "os.fsync(fd)"},
    {"fd = os.open(root + 'sync', os.O_WRONLY); os.write(fd, b'new')", "os.fdatasync(fd)"},
    {"import mmap; fd = os.open(root + 'mapped', os.O_RDWR); m = mmap.mmap(fd, 3); m[0] = 110",
     "m.flush(); os.fsync(fd)"},
    {"fd = os.open(root + 'grown', os.O_WRONLY); os.posix_fallocate(fd, 0, 100)", "os.fsync(fd)"},
    {"fd = os.open(root + 'cut', os.O_WRONLY | os.O_TRUNC)", "os.fsync(fd)"},
    {"", "os.truncate(root + 'cut', 1)"},
    {"", "os.rename(root + 'from', root + 'to')"},
    {"import ctypes; c = ctypes.CDLL(None, use_errno=True)",
     "c.renameat2(-100, (root + 'sync').encode(), -100, (root + 'close').encode(), 2) == 0 or "
     "fail(ctypes.get_errno())"},
    {"", "os.mkdir(root + 'made')"},
    {"", "os.rmdir(root + 'empty')"},
    {"", "os.unlink(root + 'gone')"},
    {"", "os.symlink('x', root + 'pointed')"},
    {"", "os.link(root + 'attr', root + 'linked')"},
    {"", "os.mkfifo(root + 'fifo')"},
    {"", "os.open(root + 'created', os.O_WRONLY | os.O_CREAT)"},
    {"", "os.open(root + 'created', os.O_WRONLY | os.O_CREAT | os.O_EXCL)"},
    {"", "os.chmod(root + 'attr', 0o600)"},
    {"", "os.utime(root + 'attr', (1, 1))"},
    {"", "os.setxattr(root + 'attr', 'user.x', b'1')"},
    {"", "os.removexattr(root + 'marked', 'user.mark')"},
    {"", "os.getxattr(root + 'marked', 'user.mark')"},
    {"", "os.listxattr(root + 'marked')"},
    {"", "os.getxattr(root + 'marked', 'user.outboard.author')"},
    {"", "os.listdir(root + '.history')"},
    {"", "os.listdir(root + '.history/attr')"},
    {"", "os.stat(root + '.history/@1')"},
    {"fd = os.open(root + 'attr', os.O_RDWR)", "fcntl.flock(fd, fcntl.LOCK_EX)"},
    {"fd = os.open(root + 'attr', os.O_RDWR)", "fcntl.lockf(fd, fcntl.LOCK_EX)"},
    {"import struct; fd = os.open(root + 'attr', os.O_RDWR)",
     "fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack('hhqqi4x', fcntl.F_WRLCK, 0, 0, 0, 0))"},
    {"fd = os.open(root + 'big0/file', os.O_RDONLY)", "os.read(fd, 10)"},
    {"fd = os.open(root + 'big1/file', os.O_RDONLY)", "os.pread(fd, 10, 150000)"},
    {"fd = os.open(root + 'big2/file', os.O_RDONLY); to = os.open(mark + '/copy', os.O_CREAT | "
     "os.O_WRONLY)",
     "os.sendfile(to, fd, 0, 10)"},
    {"fd = os.open(root + 'big3/file', os.O_RDONLY); to = os.open(root + 'sync', os.O_WRONLY)",
     "os.copy_file_range(fd, to, 10)"},
    {"", "os.execv(root + 'big4/file', ['big4'])"},
};

// What the mount answers by itself, server or no server.
constexpr Asking kAnswered[] = {
    {"", "os.stat(root + 'attr')"},
    {"", "os.access(root + 'attr', os.R_OK)"},
    {"", "os.listdir(root)"},
    {"", "os.stat(root + 'nothing') if os.path.exists(root + 'nothing') else None"},
    {"", "os.readlink(root + 'link')"},
    {"", "os.statvfs(root)"},
    {"", "os.chdir(root + 'empty')"},
    {"", "os.listxattr(root + 'attr')"},
    {"", "os.getxattr(root + 'attr', 'user.outboard.version')"},
    {"", "os.getxattr(root + 'attr', 'user.outboard.stale')"},
    {"", "os.close(os.open(root + 'attr', os.O_RDONLY))"},
    {"", "os.close(os.open(root + 'attr', os.O_WRONLY))"},
    {"fd = os.open(root + 'attr', os.O_RDONLY)", "os.read(fd, 10) == b'old' or fail(5)"},
    {"fd = os.open(root + 'attr', os.O_RDONLY)", "os.lseek(fd, 0, os.SEEK_DATA)"},
    {"fd = os.open(root + 'attr', os.O_RDONLY)", "os.fsync(fd)"},
    {"import mmap; fd = os.open(root + 'attr', os.O_RDONLY)",
     "mmap.mmap(fd, 3, prot=mmap.PROT_READ)[0] == 111 or fail(5)"},
    {"fd = os.open(root + 'attr', os.O_WRONLY | os.O_APPEND)", "os.write(fd, b'more')"},
    {"fd = os.open(root + 'grown', os.O_WRONLY)", "os.ftruncate(fd, 50)"},
};

class Audit : public Killed {
 protected:
  void SetUp() override {
    for (const char* name :
         {"close", "sync", "from", "gone", "attr", "mapped", "grown", "cut", "marked"}) {
      put(a().at(name), "old");
    }
    for (int i = 0; i < 5; ++i) {  // each where no other is read, so that none comes unasked
      const std::string directory = a().at("big" + std::to_string(i));
      ASSERT_EQ(mkdir(directory.c_str(), 0755), 0);
      put(directory + "/file", std::string(200'000, 'b'));
    }
    ASSERT_EQ(chmod(a().at("big4/file").c_str(), 0755), 0);
    ASSERT_EQ(mkdir(a().at("empty").c_str(), 0755), 0);
    ASSERT_EQ(symlink("attr", a().at("link").c_str()), 0);
    ASSERT_EQ(setxattr(a().at("marked").c_str(), "user.mark", "1", 1, 0), 0);
    ASSERT_TRUE(mount_->reach(head()));
  }
  // The errno of a call while the store is frozen; 0: it went well.
  int outcome(const Asking& asking) {
    forget_marks();
    const auto child =
        program(std::string("def fail(number): raise OSError(number, '')\n") + asking.before,
                std::string("try: ") + asking.call +
                    "\nexcept OSError as error: os._exit(error.errno)\nos._exit(0)");
    await_ready();
    frozen_.freeze();
    go();
    const int ended = child->wait();
    frozen_.thaw();
    return ended;
  }
};

// [S9]
TEST_F(Audit, WhoeverWaitsForTheStoreDiesAtOnce) {
  for (const auto& [before, then] : kAsking) {
    SCOPED_TRACE(then);
    forget_marks();
    auto child = program(before, then);
    await_ready();
    frozen_.freeze();
    go();
    EXPECT_TRUE(is_waiting());
    dies_at_once(*child, SIGKILL);
    frozen_.thaw();
  }
  // What was written is neither lost nor there twice: the parcel was in doubt.
  while (get(b().at("close")) != "new" || get(b().at("sync")) != "new") meet();
}

// [S9] Each returns when its deadline has passed, with an error that says that it did not happen.
TEST_F(Audit, WhoeverAsksTheStoreIsAnsweredByTheDeadline) {
  fusefs::View hasty;
  hasty.read_deadline = hasty.write_deadline = std::chrono::milliseconds(100);
  mount_ = std::make_unique<Mount>(frozen_, clock_, hasty);
  for (const Asking& asking : kAsking) EXPECT_EQ(outcome(asking), EIO) << asking.call;
}

// [S9]
TEST_F(Audit, WhatTheMountKnowsNeedsNoServer) {
  mount_ = std::make_unique<Mount>(frozen_, clock_, roomy(patient()));
  ASSERT_TRUE(mount_->reach(head()));
  EXPECT_EQ(get(mount_->at("attr")), "old");
  for (const Asking& asking : kAnswered) {
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(outcome(asking), 0) << asking.call;
    EXPECT_LT(std::chrono::steady_clock::now() - start, kAtOnce) << asking.call;
  }
}

// [S9] Its exit closes the files: each waits for the store no longer than a handled signal lets it.
TEST_F(Killed, WhoHasUnsavedBytesDiesToo) {
  put(a().at("log"), "one\n");
  ASSERT_TRUE(mount_->reach(head()));
  auto child = program(
      "fd = os.open(root + 'log', os.O_WRONLY | os.O_APPEND)\n"
      "others = [os.open(root + 'log', os.O_WRONLY | os.O_APPEND) for _ in range(3)]",
      "os.write(fd, b'two\\n')\nopen(mark + '/written', 'w').close()\nsignal.pause()");
  await_ready();
  frozen_.freeze();
  go();
  while (!there(marks_.path() + "/written")) std::this_thread::yield();
  dies_at_once(*child, SIGKILL);
  frozen_.thaw();
  while (get(b().at("log")) != "one\ntwo\n") meet();
}

// [S9] No signal tells of this one: it is seen to be in its exit, where nobody hears of errors.
TEST_F(Killed, WhoExitsWithUnsavedBytesIsLetGo) {
  put(a().at("log"), "one\n");
  ASSERT_TRUE(mount_->reach(head()));
  auto child = program("fd = os.open(root + 'log', os.O_WRONLY | os.O_APPEND)",
                       "os.write(fd, b'two\\n')\nos._exit(3)");
  await_ready();
  frozen_.freeze();
  const auto start = std::chrono::steady_clock::now();
  go();
  EXPECT_EQ(child->wait(), 3);
  EXPECT_LT(std::chrono::steady_clock::now() - start, kAtOnce);
  frozen_.thaw();
  while (get(b().at("log")) != "one\ntwo\n") meet();
}

void ignore_signal(int) {}

// [S9] A handled signal ends a wait that lasts, where POSIX knows EINTR; nothing is doubled by it.
TEST_F(Killed, AHandledSignalEndsAWaitThatLasts) {
  struct sigaction handled {};
  handled.sa_handler = ignore_signal;
  sigaction(SIGUSR2, &handled, nullptr);
  put(a().at("log"), "one\n");
  ASSERT_TRUE(mount_->reach(head()));
  const int fd = open(mount_->at("log").c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  ASSERT_EQ(write(fd, "two\n", 4), 4);
  frozen_.freeze();
  int said = 0;
  std::thread waiter([&] { said = fsync(fd) == 0 ? 0 : errno; });
  EXPECT_TRUE(is_waiting());
  pthread_kill(waiter.native_handle(), SIGUSR2);
  waiter.join();
  EXPECT_EQ(said, EINTR);
  frozen_.thaw();
  ASSERT_EQ(write(fd, "three\n", 6), 6);
  EXPECT_EQ(close(fd), 0) << std::strerror(errno);
  meet();
  EXPECT_EQ(get(b().at("log")), "one\ntwo\nthree\n");
}

// [S9] A store that keeps no deadline: the view ends, and with it the wait. Other views go on.
TEST_F(Killed, AStuckViewEndsItsOwnConnectionOnly) {
  fusefs::View view;
  view.read_deadline = view.write_deadline = std::chrono::milliseconds(100);
  StuckStore stuck(store_);
  Mount mount(stuck, clock_, view, std::chrono::milliseconds(300));
  stuck.stick();
  EXPECT_EQ(mkdir(mount.at("never").c_str(), 0755), -1);
  EXPECT_EQ(errno, ECONNABORTED);
  EXPECT_EQ(mkdir(mount.at("over").c_str(), 0755), -1);
  EXPECT_EQ(errno, ENOTCONN);
  put(a().at("f"), "goes on");
  EXPECT_EQ(get(a().at("f")), "goes on");
  stuck.let_go();
}

}  // namespace
}  // namespace outboard::tests
