// What the exec agent and the inner layer's init say to each other, over unix sockets of whole
// messages (SOCK_SEQPACKET) that carry descriptors.
//
// agent --control--> init: one Request for each command, shell or file, with the agent's new
// conversation as its first descriptor. agent <--conversation--> the process that init made for it.
// Both programs are built together and never meet another version: plain structs will do.
//
// What comes out of a conversation was sent by a process of the model's own user, and may be forged
// by it for that very command; the agent checks sizes and kinds and believes nothing more of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outboard::harness {

enum class InnerKind : std::uint32_t {
  command = 1,   // words: directory, environment…, "", argv…   fds: conversation, words, output
  shell,         // words: text to restore its state with       fds: conversation, words
  read_file,     // words: path                                 fds: conversation, words
  write_file,    // words: path                                 fds: conversation, words
  stop_all,      // all processes but init                      fds: conversation, words
  continue_all,  //                                             fds: conversation, words

  signal,  // agent → command, shell: value is the signal
  run,     // agent → shell: fds: text, output
  commit,  // agent → write_file: value is the mode of a new file, or 0

  started,   // value: 0, or the errno of what failed
  ended,     // value: the wait status; of a shell that goes on, with fds: words (directory,
             // exported variables)
  opened,    // read_file: fds: the file. write_file: fds: the new file, and what stands there
  finished,  // commit, stop_all, continue_all: value: 0, or an errno
};

struct InnerMessage {
  InnerKind kind{};
  std::int32_t value = 0;
};

inline constexpr std::size_t kInnerFdsMax = 4;
inline constexpr std::size_t kInnerWordsBytesMax = 4U << 20U;
// The inner layer's init has the control socket here.
inline constexpr int kInnerControlFd = 3;
inline constexpr std::string_view kInnerWorkspace = "/workspace";

struct Received {
  InnerMessage message;
  std::vector<int> fds;  // owned by whoever received them
};

// False, with errno, when it could not be sent.
bool send_message(int socket, const InnerMessage& message, const std::vector<int>& fds = {});
// Nothing at the end of the conversation or, with errno EAGAIN, when a non-blocking one is empty.
std::optional<Received> receive_message(int socket);

// A sealed memory file with `words` in it, or with `text` as it is; -1 with errno.
int write_text(std::string_view text);
int write_words(const std::vector<std::string>& words);
// Nothing when it is not such a file: any other kind could make the reader wait for ever.
std::optional<std::vector<std::string>> read_words(int fd);

}  // namespace outboard::harness
