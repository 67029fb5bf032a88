// Bytes through two mounts: whole files, appends that add up, nothing lost in silence.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/mount/frozen_store.h"
#include "tests/mount/two_mounts.h"

namespace outboard::tests {
namespace {

ino_t ino(const std::string& path) {
  struct stat found {};
  EXPECT_EQ(stat(path.c_str(), &found), 0) << std::strerror(errno);
  return found.st_ino;
}

// [S1]
TEST_F(TwoMounts, ARemoteOverwriteLooksLikeARenameOver) {
  put(a().at("f"), "the first version, rather long");
  meet();
  const int fd = open(b().at("f").c_str(), O_RDONLY);
  const ino_t before = ino(b().at("f"));
  const ino_t own = ino(a().at("f"));
  put(a().at("f"), "short", O_TRUNC);
  meet();
  EXPECT_EQ(get_all(fd), "the first version, rather long");
  struct stat old {};
  ASSERT_EQ(fstat(fd, &old), 0);
  EXPECT_EQ(old.st_nlink, 0U);
  EXPECT_EQ(old.st_size, 30);
  EXPECT_EQ(get(b().at("f")), "short");
  EXPECT_NE(ino(b().at("f")), before);
  EXPECT_EQ(ino(a().at("f")), own);  // one's own publish keeps the number
  close(fd);
}

// [S5]
TEST_F(TwoMounts, AnAppendKeepsTheFileAndReachesOpenDescriptors) {
  put(a().at("log"), "one\n");
  meet();
  const int fd = open(b().at("log").c_str(), O_RDONLY);
  EXPECT_EQ(get_all(fd), "one\n");
  const ino_t before = ino(b().at("log"));
  put(a().at("log"), "two\n", O_APPEND);
  meet();
  EXPECT_EQ(ino(b().at("log")), before);
  EXPECT_EQ(get_all(fd), "one\ntwo\n");
  close(fd);
}

// [S2] Whoever wants no answer before the store has the bytes gets none, at a file's end, too.
TEST_F(TwoMounts, S2_ASynchronousAppendIsKeptWhenItReturns) {
  FrozenStore server(store_);
  fusefs::View view;
  view.write_deadline = std::chrono::seconds(1);
  Mount far(server, clock_, view);
  for (const int flag : {O_SYNC, O_DSYNC}) {
    const std::string name = "log" + std::to_string(flag);
    const int fd =
        open(far.at(name).c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | flag, 0644);
    ASSERT_GE(fd, 0) << std::strerror(errno);
    ASSERT_EQ(write(fd, "one\n", 4), 4);
    meet();
    EXPECT_EQ(get(a().at(name)), "one\n");
    server.freeze();
    EXPECT_EQ(write(fd, "two\n", 4), -1);
    EXPECT_EQ(errno, EIO);
    server.thaw();
    close(fd);
  }
}

// [S1]
TEST_F(TwoMounts, AShellRedirectionIsOneVersion) {
  put(a().at("f"), "before");
  meet();
  const int fd = open(a().at("f").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  const int copy = dup(fd);
  ASSERT_EQ(close(fd), 0);  // what a shell does: a FLUSH at size 0
  meet();
  EXPECT_EQ(get(b().at("f")), "before");
  ASSERT_EQ(write(copy, "hi\n", 3), 3);
  ASSERT_EQ(close(copy), 0);
  meet();
  EXPECT_EQ(get(b().at("f")), "hi\n");
}

TEST_F(TwoMounts, ABareTruncationIsPublishedAtRelease) {
  put(a().at("f"), "before");
  meet();
  const Seq seq = head();
  put(a().at("f"), "", O_TRUNC);
  EXPECT_EQ(get(a().at("f")), "");
  ASSERT_TRUE(b().reach(Seq{seq.value + 1}));
  EXPECT_EQ(get(b().at("f")), "");
  ASSERT_EQ(truncate(a().at("f").c_str(), 4), 0);
  meet();
  EXPECT_EQ(get(b().at("f")), std::string(4, '\0'));
}

TEST_F(TwoMounts, UnpublishedBytesAreSeenLocallyOnly) {
  put(a().at("f"), "0123456789");
  meet();
  const int fd = open(a().at("f").c_str(), O_RDWR);
  ASSERT_EQ(pwrite(fd, "XY", 2, 4), 2);
  EXPECT_EQ(get(a().at("f")), "0123XY6789");
  EXPECT_EQ(get(b().at("f")), "0123456789");
  ASSERT_EQ(pwrite(fd, "end", 3, 12), 3);
  ASSERT_EQ(fsync(fd), 0);
  meet();
  EXPECT_EQ(get(b().at("f")), std::string("0123XY6789\0\0end", 15));
  close(fd);
}

// [S3]
TEST_F(TwoMounts, AppendsFromTwoMountsAddUp) {
  constexpr int kThreads = 5;
  constexpr int kRounds = 100;
  put(a().at("log"), "");
  meet();
  std::vector<std::thread> writers;
  for (Mount* mount : {&a(), &b()}) {
    for (int thread = 0; thread < kThreads; ++thread) {
      writers.emplace_back([mount, thread] {
        const char who = static_cast<char>('a' + thread);
        for (int round = 0; round < kRounds; ++round) {
          put(mount->at("log"), who + std::string(" line ") + std::to_string(round) + "\n",
              O_APPEND);
        }
      });
    }
  }
  for (std::thread& writer : writers) writer.join();
  meet();
  const std::string all = get(a().at("log"));
  EXPECT_EQ(all, get(b().at("log")));
  EXPECT_EQ(std::count(all.begin(), all.end(), '\n'), 2 * kThreads * kRounds);
  for (int thread = 0; thread < kThreads; ++thread) {
    const std::string last = static_cast<char>('a' + thread) + std::string(" line 99\n");
    EXPECT_NE(all.find(last), std::string::npos);
  }
}

TEST_F(TwoMounts, AnOpenAppenderPublishesByAge) {
  put(a().at("log"), "");
  meet();
  const Seq before = head();
  const int fd = open(a().at("log").c_str(), O_WRONLY | O_APPEND);
  ASSERT_EQ(write(fd, "still open\n", 11), 11);
  ASSERT_TRUE(b().reach(Seq{before.value + 1}));
  EXPECT_EQ(get(b().at("log")), "still open\n");
  close(fd);
}

// What each version of the file holds: one letter, as often as its size says.
std::string version(int round) {
  return std::string(static_cast<std::size_t>(1 + (round * 7919) % 60'000),
                     static_cast<char>('a' + round % 26));
}

bool is_whole(std::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [&](char c) { return c == bytes.front(); });
}

struct Seen {
  std::atomic<int> reads = 0;
  std::atomic<int> torn = 0;
  std::atomic<int> errors = 0;
};

void read_in_pieces(int fd, Seen& seen) {
  struct stat before {};
  if (fstat(fd, &before) != 0) ++seen.errors;
  std::string bytes;
  char piece[1024];
  for (;;) {
    const ssize_t size = pread(fd, piece, sizeof piece, static_cast<off_t>(bytes.size()));
    if (size < 0) {
      ++seen.errors;
      return;
    }
    if (size == 0) break;
    bytes.append(piece, static_cast<std::size_t>(size));
  }
  ++seen.reads;
  if (!is_whole(bytes) || static_cast<off_t>(bytes.size()) != before.st_size) ++seen.torn;
}

void read_mapped(int fd, Seen& seen) {
  struct stat found {};
  if (fstat(fd, &found) != 0 || found.st_size == 0) return;
  const auto size = static_cast<std::size_t>(found.st_size);
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  if (mapped == MAP_FAILED) {
    ++seen.errors;
    return;
  }
  ++seen.reads;
  if (!is_whole({static_cast<const char*>(mapped), size})) ++seen.torn;
  munmap(mapped, size);
}

// [S1]
TEST_F(TwoMounts, AThousandOverwritesAreNeverTorn) {
  constexpr int kRounds = 1000;
  put(a().at("f"), version(0));
  meet();
  std::atomic<bool> done = false;
  Seen seen;
  std::vector<std::thread> readers;
  for (const bool mapped : {false, true}) {
    readers.emplace_back([&, mapped] {
      while (!done) {
        const int fd = open(b().at("f").c_str(), O_RDONLY);
        if (fd < 0) {
          ++seen.errors;
          continue;
        }
        mapped ? read_mapped(fd, seen) : read_in_pieces(fd, seen);
        close(fd);
      }
    });
  }
  for (int round = 1; round <= kRounds; ++round) put(a().at("f"), version(round), O_TRUNC);
  done = true;
  for (std::thread& reader : readers) reader.join();
  meet();
  EXPECT_EQ(get(b().at("f")), version(kRounds));
  EXPECT_EQ(seen.torn, 0);
  EXPECT_EQ(seen.errors, 0);
  EXPECT_GT(seen.reads, 100);
}

// [S16]
TEST_F(TwoMounts, ALargeFileIsWrittenInParts) {
  std::string bytes;
  for (int i = 0; bytes.size() < 3'000'000; ++i) bytes += "line " + std::to_string(i) + "\n";
  put(a().at("big"), bytes);
  meet();
  EXPECT_EQ(get(b().at("big")), bytes);
  const int fd = open(b().at("big").c_str(), O_RDWR);
  ASSERT_EQ(pwrite(fd, "!!", 2, 1'500'000), 2);
  ASSERT_EQ(close(fd), 0);
  meet();
  bytes.replace(1'500'000, 2, "!!");
  EXPECT_EQ(get(a().at("big")), bytes);
}

// [S10]
TEST_F(TwoMounts, ARemovedFileLivesOnWhileItIsOpen) {
  put(a().at("f"), "kept");
  const int fd = open(a().at("f").c_str(), O_RDWR);
  ASSERT_EQ(unlink(a().at("f").c_str()), 0);
  EXPECT_EQ(get_all(fd), "kept");
  ASSERT_EQ(pwrite(fd, "K", 1, 0), 1);
  EXPECT_EQ(get_all(fd), "Kept");
  EXPECT_EQ(close(fd), 0);
  EXPECT_FALSE(there(a().at("f")));
}

// [S10]
TEST_F(TwoMounts, ARemovedFileTakesModesAndTimesWhileItIsOpen) {
  put(a().at("f"), "kept");
  const int fd = open(a().at("f").c_str(), O_RDWR);
  ASSERT_EQ(unlink(a().at("f").c_str()), 0);
  ASSERT_EQ(fchmod(fd, 0700), 0);
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(futimens(fd, times), 0);
  struct stat found {};
  ASSERT_EQ(fstat(fd, &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0700U);
  EXPECT_EQ(found.st_mtime, 1'000'000'000);
  EXPECT_EQ(close(fd), 0);
}

// [S2]
TEST_F(TwoMounts, AFileRemovedElsewhereTellsItsWriterAndKeepsACopy) {
  put(a().at("f"), "shared");
  meet();
  const int fd = open(b().at("f").c_str(), O_WRONLY);
  ASSERT_EQ(unlink(a().at("f").c_str()), 0);
  meet();
  const Seq seq = head();
  ASSERT_EQ(pwrite(fd, "mine", 4, 0), 4);
  EXPECT_EQ(close(fd), -1);
  EXPECT_EQ(errno, ESTALE);
  ASSERT_TRUE(a().reach(Seq{seq.value + 1}));
  std::string copy;
  FILE* list = popen(("ls " + a().path()).c_str(), "r");
  char name[512] = {};
  if (std::fgets(name, sizeof name, list) != nullptr) copy = name;
  pclose(list);
  ASSERT_TRUE(copy.starts_with("f.conflict-")) << copy;
  copy.pop_back();
  EXPECT_EQ(get(a().at(copy)), "mineed");
}

TEST_F(TwoMounts, SetTimesSurviveTheClose) {
  const int fd = open(a().at("f").c_str(), O_WRONLY | O_CREAT, 0644);
  ASSERT_EQ(write(fd, "x", 1), 1);
  const timespec times[2] = {{1'000'000'000, 0}, {1'000'000'000, 0}};
  ASSERT_EQ(futimens(fd, times), 0);
  ASSERT_EQ(close(fd), 0);
  meet();
  for (Mount* mount : {&a(), &b()}) {
    struct stat found {};
    ASSERT_EQ(stat(mount->at("f").c_str(), &found), 0);
    EXPECT_EQ(found.st_mtime, 1'000'000'000);
  }
}

// [S3] What came in two requests could be published between them, when another program closes.
TEST_F(TwoMounts, S3_AnAppendIsOneRequestWhereverItFalls) {
  const std::string log = a().at("log");
  put(log, std::string(4'090, 'x'));
  const auto asked = [&] { return a().activity().requests["WRITE"]; };
  std::uint64_t before = asked();
  std::string whole(4'090, 'x');
  for (const int access : {O_WRONLY, O_RDWR}) {
    for (const std::size_t size : {26U, 4'096U, 200'000U}) {
      const int fd = open(log.c_str(), access | O_APPEND);
      EXPECT_EQ(write(fd, std::string(size, 'y').data(), size), static_cast<ssize_t>(size));
      EXPECT_EQ(close(fd), 0);
      EXPECT_EQ(asked() - before, 1U) << access << " " << size;
      before = asked();
      whole += std::string(size, 'y');
    }
  }
  const int reader = open(log.c_str(), O_RDWR | O_APPEND);
  EXPECT_EQ(write(reader, "z", 1), 1);
  whole += 'z';
  std::string shown(whole.size() + 1, ' ');
  EXPECT_EQ(pread(reader, shown.data(), shown.size(), 0), static_cast<ssize_t>(whole.size()));
  EXPECT_TRUE(shown == whole + ' ');
  EXPECT_EQ(close(reader), 0);
  EXPECT_TRUE(get(log) == whole);
  meet();
  EXPECT_TRUE(get(b().at("log")) == whole);
}

VolumeSettings merging() {
  VolumeSettings settings;
  settings.policy = Policy::merge;
  return settings;
}

class MergingMounts : public TwoMounts {
 protected:
  MergingMounts() : TwoMounts(merging()) {}
};

// A program keeps its file open and saves again and again, while another saves elsewhere in it.
TEST_F(MergingMounts, S35_AProgramGoesOnThroughADescriptorWhoseBytesWereMerged) {
  put(a().at("f"), "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  meet();
  const int fd = open(b().at("f").c_str(), O_RDWR);
  const auto save = [&](std::string_view bytes, off_t at) {
    ASSERT_EQ(pwrite(fd, bytes.data(), bytes.size(), at), std::ssize(bytes));
    ASSERT_EQ(fsync(fd), 0) << std::strerror(errno);
  };
  put(a().at("f"), "one\n2\n3\n4\n5\n6\n7\n8\n9\n", O_TRUNC);
  save("x", 8);
  meet();
  EXPECT_EQ(get(b().at("f")), "one\n2\n3\n4\nx\n6\n7\n8\n9\n");
  save("y", 10);
  save("X", 8);
  EXPECT_EQ(get_all(fd), "1\n2\n3\n4\nX\ny\n7\n8\n9\n");
  meet();
  put(a().at("f"), "ONE\n2\n3\n4\nX\ny\n7\n8\n9\n", O_TRUNC);
  ASSERT_EQ(ftruncate(fd, 14), 0);
  ASSERT_EQ(fsync(fd), 0);
  save("z\n", 14);
  EXPECT_EQ(get_all(fd), "1\n2\n3\n4\nX\ny\n7\nz\n");
  ASSERT_EQ(close(fd), 0);
  meet();
  const std::map<std::string, std::string> all{{"f", "ONE\n2\n3\n4\nX\ny\n7\nz\n"}};
  EXPECT_EQ(listing(a().path()), all);
  EXPECT_EQ(listing(b().path()), all);
}

}  // namespace
}  // namespace outboard::tests
