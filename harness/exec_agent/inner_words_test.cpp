#include "harness/exec_agent/inner_words.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace outboard::harness {
namespace {

TEST(InnerWords, WordsComeBackAsTheyWere) {
  const std::vector<std::string> words{"", std::string("a\0b", 3), std::string(70'000, 'x')};
  const int fd = write_words(words);
  ASSERT_GE(fd, 0);
  EXPECT_EQ(read_words(fd), words);
  ::close(fd);
}

TEST(InnerWords, OnlySealedMemoryIsRead) {
  const int file = ::open("/proc/self/exe", O_RDONLY);
  EXPECT_FALSE(read_words(file));
  ::close(file);
  int ends[2];
  ASSERT_EQ(::pipe(ends), 0);
  EXPECT_FALSE(read_words(ends[0]));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST(InnerWords, LengthThatLiesIsRefused) {
  const int fd =
      write_text(std::string("\xff\xff\xff\x7f"
                             "abc",
                             7));
  EXPECT_FALSE(read_words(fd));
  ::close(fd);
}

TEST(InnerWords, MessageCarriesItsDescriptors) {
  int ends[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends), 0);
  const int fd = write_words({"hello"});
  ASSERT_TRUE(send_message(ends[0], {InnerKind::command, 5}, {fd, fd}));
  ::close(fd);
  const auto received = receive_message(ends[1]);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->message.value, 5);
  ASSERT_EQ(received->fds.size(), 2u);
  EXPECT_EQ(read_words(received->fds[1]), std::vector<std::string>{"hello"});
  for (const int held : received->fds) ::close(held);
  ASSERT_EQ(::send(ends[0], "x", 1, 0), 1);
  EXPECT_FALSE(receive_message(ends[1]));
  ::close(ends[0]);
  EXPECT_FALSE(receive_message(ends[1]));
  ::close(ends[1]);
}

}  // namespace
}  // namespace outboard::harness
