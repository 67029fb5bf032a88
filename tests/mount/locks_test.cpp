// Locks through two mounts: who holds one sees what former holders wrote. [S36, S54]
#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/mount/two_mounts.h"
#include "tests/support/child_process.h"

namespace outboard::tests {
namespace {

struct flock range(int type, off_t start = 0, off_t length = 0) {
  struct flock lock {};
  lock.l_type = static_cast<short>(type);
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = length;
  return lock;
}

// errno of the call, 0 when it worked.
int set_lock(int fd, int type, off_t start = 0, off_t length = 0, int command = F_SETLK) {
  struct flock lock = range(type, start, length);
  return fcntl(fd, command, &lock) == 0 ? 0 : errno;
}

int lock_and_wait(int fd, int type, off_t start = 0, off_t length = 0) {
  return set_lock(fd, type, start, length, F_SETLKW);
}

ino_t ino_of(int fd) {
  struct stat found {};
  EXPECT_EQ(fstat(fd, &found), 0);
  return found.st_ino;
}

ino_t ino_of(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(stat(path.c_str(), &found), 0);
  return found.st_ino;
}

class Locks : public TwoMounts {
 protected:
  // Of one file, open in both mounts since it had these bytes, which both kernels have read.
  void open_both(const std::string& bytes) {
    put(a().at("f"), bytes);
    meet();
    fd_a_ = open(a().at("f").c_str(), O_RDWR | O_CLOEXEC);
    fd_b_ = open(b().at("f").c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(get_all(fd_a_), bytes);
    EXPECT_EQ(get_all(fd_b_), bytes);
  }
  void TearDown() override {
    if (fd_a_ >= 0) close(fd_a_);
    if (fd_b_ >= 0) close(fd_b_);
  }
  static void await_waiters(Mount& mount, std::uint64_t count) {
    while (mount.volume().census().waiting_locks < count) std::this_thread::yield();
  }

  int fd_a_ = -1;
  int fd_b_ = -1;
};

TEST_F(Locks, S54_RangesExcludeEachOtherAcrossMounts) {
  open_both("0123456789");
  EXPECT_EQ(set_lock(fd_a_, F_WRLCK, 0, 4), 0);
  EXPECT_EQ(set_lock(fd_b_, F_WRLCK, 2, 4), EAGAIN);
  EXPECT_EQ(set_lock(fd_b_, F_RDLCK, 3, 1), EAGAIN);
  EXPECT_EQ(set_lock(fd_b_, F_WRLCK, 4, 4), 0);
  struct flock asked = range(F_RDLCK, 0, 0);
  ASSERT_EQ(fcntl(fd_b_, F_GETLK, &asked), 0);
  EXPECT_EQ(asked.l_type, F_WRLCK);
  EXPECT_EQ(asked.l_start, 0);
  EXPECT_EQ(asked.l_len, 4);
  EXPECT_EQ(set_lock(fd_a_, F_RDLCK, 0, 4), 0);  // lowered
  EXPECT_EQ(set_lock(fd_b_, F_RDLCK, 0, 4), 0);
  EXPECT_EQ(set_lock(fd_a_, F_WRLCK, 0, 4), EAGAIN);
  EXPECT_EQ(flock(fd_a_, LOCK_EX | LOCK_NB), 0);  // the two manners know nothing of each other
  EXPECT_EQ(flock(fd_b_, LOCK_SH | LOCK_NB), -1);
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_EQ(flock(fd_a_, LOCK_SH | LOCK_NB), 0);
  EXPECT_EQ(flock(fd_b_, LOCK_SH | LOCK_NB), 0);
  EXPECT_EQ(flock(fd_a_, LOCK_UN), 0);
  EXPECT_EQ(set_lock(fd_b_, F_UNLCK), 0);
  EXPECT_EQ(set_lock(fd_a_, F_WRLCK), 0);
}

TEST_F(Locks, S54_AnUnlockPublishesAndALockSeesItThroughAnOpenDescriptor) {
  open_both("before");
  ASSERT_EQ(set_lock(fd_a_, F_WRLCK), 0);
  ASSERT_EQ(pwrite(fd_a_, "behind the lock", 15, 0), 15);
  ASSERT_EQ(set_lock(fd_a_, F_UNLCK), 0);
  ASSERT_EQ(set_lock(fd_b_, F_WRLCK), 0);
  EXPECT_EQ(get_all(fd_b_), "behind the lock");
  ASSERT_EQ(ftruncate(fd_b_, 6), 0);
  ASSERT_EQ(set_lock(fd_b_, F_RDLCK), 0);  // lowered: from here on others may look
  ASSERT_EQ(set_lock(fd_a_, F_RDLCK), 0);
  EXPECT_EQ(get_all(fd_a_), "behind");
  struct stat found {};
  ASSERT_EQ(fstat(fd_a_, &found), 0);
  EXPECT_EQ(found.st_size, 6);
  EXPECT_EQ(found.st_nlink, 1U);
}

// [S54] SQLite takes a file whose number differs from its descriptor's for another one.
TEST_F(Locks, ADescriptorThatWasOverwrittenIsTheFileAgainOnceItLocks) {
  open_both("one");
  put(a().at("f"), "a longer one", O_TRUNC);
  meet();
  EXPECT_EQ(get_all(fd_b_), "one");
  ASSERT_EQ(flock(fd_b_, LOCK_SH), 0);
  EXPECT_EQ(get_all(fd_b_), "a longer one");
  EXPECT_EQ(ino_of(fd_b_), ino_of(b().at("f")));
  put(a().at("f"), "two", O_TRUNC);  // who locks follows, from then on
  meet();
  EXPECT_EQ(get_all(fd_b_), "two");
  EXPECT_EQ(ino_of(fd_b_), ino_of(b().at("f")));
}

// [S54] The same when others of its mount have looked the new one up meanwhile.
TEST_F(Locks, TwoDescriptorsOfDifferentAgesBothFollow) {
  open_both("one");
  put(a().at("f"), "two", O_TRUNC);
  meet();
  const int younger = open(b().at("f").c_str(), O_RDWR | O_CLOEXEC);
  EXPECT_EQ(get_all(younger), "two");
  ASSERT_EQ(flock(fd_b_, LOCK_SH), 0);
  EXPECT_EQ(get_all(fd_b_), "two");
  ASSERT_EQ(flock(fd_b_, LOCK_UN), 0);
  put(a().at("f"), "three", O_TRUNC);
  ASSERT_EQ(flock(fd_b_, LOCK_EX), 0);
  EXPECT_EQ(get_all(fd_b_), "three");
  ASSERT_EQ(pwrite(fd_b_, "T", 1, 0), 1);
  ASSERT_EQ(flock(fd_b_, LOCK_UN), 0);
  ASSERT_EQ(flock(younger, LOCK_EX), 0);
  EXPECT_EQ(get_all(younger), "Three");
  close(younger);
}

TEST_F(Locks, S54_IncrementsUnderALockAllCount) {
  constexpr int kRounds = 60;
  open_both("0");
  std::vector<std::thread> counters;
  for (const auto& [fd, manner] : {std::pair{fd_a_, 0}, {fd_b_, 1}}) {
    counters.emplace_back([fd = fd] {
      for (int i = 0; i < kRounds; ++i) {
        EXPECT_EQ(lock_and_wait(fd, F_WRLCK), 0);
        const std::string next = std::to_string(std::stoi(get_all(fd)) + 1);
        EXPECT_EQ(pwrite(fd, next.data(), next.size(), 0), static_cast<ssize_t>(next.size()));
        EXPECT_EQ(set_lock(fd, F_UNLCK), 0);
      }
    });
  }
  for (std::thread& counter : counters) counter.join();
  meet();
  EXPECT_EQ(get(a().at("f")), std::to_string(2 * kRounds));
  EXPECT_EQ(get(b().at("f")), std::to_string(2 * kRounds));
}

void ignore_signal(int) {}

TEST_F(Locks, S54_ASignalEndsTheWaitAndItsPlaceInTheQueue) {
  struct sigaction handled {};
  handled.sa_handler = ignore_signal;
  sigaction(SIGUSR2, &handled, nullptr);
  open_both("x");
  for (const bool whole : {false, true}) {
    ASSERT_EQ(whole ? flock(fd_a_, LOCK_EX) : set_lock(fd_a_, F_WRLCK), 0);
    int said = 0;
    std::thread waiter([&] {
      said = whole ? (flock(fd_b_, LOCK_EX) == 0 ? 0 : errno) : lock_and_wait(fd_b_, F_WRLCK);
    });
    await_waiters(b(), 1);
    pthread_kill(waiter.native_handle(), SIGUSR2);
    waiter.join();
    EXPECT_EQ(said, EINTR);
    EXPECT_EQ(whole ? flock(fd_a_, LOCK_UN) : set_lock(fd_a_, F_UNLCK), 0);
    EXPECT_EQ(whole ? flock(fd_a_, LOCK_EX | LOCK_NB) : set_lock(fd_a_, F_WRLCK), 0);
    EXPECT_EQ(whole ? flock(fd_a_, LOCK_UN) : set_lock(fd_a_, F_UNLCK), 0);
  }
}

TEST_F(Locks, S54_ACircleOfWaitersIsEdeadlk) {
  open_both("0123456789");
  ASSERT_EQ(set_lock(fd_a_, F_WRLCK, 0, 1), 0);
  ASSERT_EQ(set_lock(fd_b_, F_WRLCK, 1, 1), 0);
  std::atomic<int> deadlocks = 0;
  const auto cross = [&](int fd, off_t wanted, off_t held) {
    const int said = lock_and_wait(fd, F_WRLCK, wanted, 1);
    EXPECT_TRUE(said == 0 || said == EDEADLK) << std::strerror(said);
    if (said == EDEADLK) ++deadlocks;
    EXPECT_EQ(set_lock(fd, F_UNLCK, held, 1), 0);
  };
  std::thread other([&] { cross(fd_b_, 0, 1); });
  cross(fd_a_, 1, 0);
  other.join();
  EXPECT_GE(deadlocks, 1);
}

// [S54] fcntl's locks go with the process, flock's with the open file; both when it is killed.
TEST_F(Locks, AKilledProgramHoldsNothing) {
  open_both("x");
  ChildProcess holder(
      {"/usr/bin/python3", "-c",
       "import fcntl, signal, sys\nf = open(sys.argv[1], 'r+b')\nfcntl.lockf(f, fcntl.LOCK_EX)\n"
       "fcntl.flock(f, fcntl.LOCK_EX)\nopen(sys.argv[2], 'w').close()\nsignal.pause()",
       a().at("f"), a().at("ready")});
  while (!there(b().at("ready"))) std::this_thread::yield();
  EXPECT_EQ(set_lock(fd_b_, F_RDLCK), EAGAIN);
  std::thread waiter([&] { EXPECT_EQ(lock_and_wait(fd_b_, F_WRLCK), 0); });
  await_waiters(b(), 1);
  holder.signal(SIGKILL);
  EXPECT_EQ(holder.wait(), 128 + SIGKILL);
  waiter.join();
  EXPECT_EQ(flock(fd_b_, LOCK_EX), 0);
}

// [S54] As POSIX has it: closing any descriptor of a file gives up its process's fcntl locks.
TEST_F(Locks, ACloseGivesUpTheProcesssLocks) {
  open_both("x");
  ASSERT_EQ(set_lock(fd_a_, F_WRLCK), 0);
  const int other = open(a().at("f").c_str(), O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(set_lock(fd_b_, F_WRLCK), EAGAIN);
  close(other);
  EXPECT_EQ(set_lock(fd_b_, F_WRLCK), 0);
  struct flock whole = range(F_WRLCK);
  EXPECT_EQ(fcntl(fd_a_, F_OFD_SETLK, &whole), -1);
  EXPECT_EQ(set_lock(fd_b_, F_UNLCK), 0);
  EXPECT_EQ(fcntl(fd_a_, F_OFD_SETLK, &whole), 0);
  EXPECT_EQ(set_lock(fd_b_, F_RDLCK), EAGAIN);
  close(std::exchange(fd_a_, -1));
  EXPECT_EQ(lock_and_wait(fd_b_, F_RDLCK), 0);
}

// [S54] The server was out of reach for longer than the lease: another may have the lock by now.
TEST_F(Locks, WritesUnderALostLockFailAndAreKeptBeside) {
  std::atomic<Moment> heard_since = Moment::min();
  a().volume().watch_lease([&] { return heard_since.load(); });
  open_both("shared");
  ASSERT_EQ(set_lock(fd_a_, F_WRLCK), 0);
  ASSERT_EQ(pwrite(fd_a_, "mine", 4, 0), 4);
  heard_since = clock_.now();  // after a silence
  EXPECT_EQ(pwrite(fd_a_, "more", 4, 0), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(fsync(fd_a_), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(set_lock(fd_a_, F_WRLCK, 7, 1), EIO);
  const Seq before = head();
  EXPECT_EQ(close(std::exchange(fd_a_, -1)), -1);
  EXPECT_EQ(errno, EIO);
  ASSERT_TRUE(b().reach(Seq{before.value + 1}));
  EXPECT_EQ(get(b().at("f")), "shared");
  std::vector<std::string> copies;
  for (const auto& [name, bytes] : listing(b().path())) {
    if (name.starts_with("f.conflict-")) copies.push_back(bytes);
  }
  EXPECT_EQ(copies, std::vector<std::string>{"mineed"});
  // A new one, under a new lease, once the mount has put away what was written under the old one.
  fd_a_ = open(a().at("f").c_str(), O_RDWR | O_CLOEXEC);
  int taken = EIO;
  const Moment until = clock_.now() + kWriteDeadline;
  while (taken == EIO && clock_.now() < until) taken = set_lock(fd_a_, F_WRLCK);
  EXPECT_EQ(taken, 0);
  EXPECT_EQ(pwrite(fd_a_, "S", 1, 0), 1);
}

constexpr const char* kIncrement = R"(
import sqlite3, sys
base = sqlite3.connect(sys.argv[1], timeout=120, isolation_level=None)
for _ in range(int(sys.argv[2])):
    base.execute('BEGIN IMMEDIATE')
    base.execute('UPDATE counter SET value = value + 1')
    base.execute('INSERT INTO log VALUES (?, randomblob(3000))', (sys.argv[3],))
    base.execute('COMMIT')
assert base.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
)";

// [S54] Rollback journals, two processes that keep their connections, two mounts.
TEST_F(Locks, SqliteCountsRightAcrossMounts) {
  const auto python = [](std::vector<std::string> words) {
    words.insert(words.begin(), {"/usr/bin/python3", "-c"});
    return words;
  };
  ASSERT_EQ(run(python({"import sqlite3, sys\nb = sqlite3.connect(sys.argv[1])\n"
                        "b.execute('PRAGMA journal_mode=DELETE')\n"
                        "b.executescript('CREATE TABLE counter (value); INSERT INTO counter VALUES "
                        "(0); CREATE TABLE log (who, what)')",
                        a().at("base")})),
            0);
  meet();
  ChildProcess one(python({kIncrement, a().at("base"), "25", "a"}));
  ChildProcess two(python({kIncrement, b().at("base"), "25", "b"}));
  EXPECT_EQ(one.wait(), 0);
  EXPECT_EQ(two.wait(), 0);
  meet();
  EXPECT_EQ(run(python({"import sqlite3, sys\nb = sqlite3.connect(sys.argv[1])\n"
                        "assert b.execute('SELECT value FROM counter').fetchall() == [(50,)]\n"
                        "assert b.execute('SELECT count(*) FROM log').fetchall() == [(50,)]",
                        b().at("base")})),
            0);
}

}  // namespace
}  // namespace outboard::tests
