// What a daemon and its mounter say to each other: datagrams of one program to itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/result.h"

namespace outboard::fusefs {

enum class Wish : std::uint32_t { mount, unmount, abort, walk, verdict, leave, add, forget };

struct Question {
  Wish wish = Wish::mount;
  std::uint32_t view = 0;
  std::uint64_t seconds = 0;  // how long a walk may take
  std::string place;          // of a walk, within the view; of a view to add, where it is to stand
  std::string volume = {};    // of a view to add
  bool read_only = true;
};

struct Answer {
  std::optional<Error> refused;
  int descriptor = -1;       // what mount() gives; the receiver's
  std::uint32_t number = 0;  // of the view that was added
};

// With the socket for its answer, which stays the caller's. False: nobody is there.
bool ask(int socket, const Question& question, int answer_socket);
// Blocks. The socket for the answer is the caller's. Nothing: the other side is gone for good.
std::optional<std::pair<Question, int>> next_question(int socket);

// The descriptor stays the caller's.
void answer(int answer_socket, const Answer& answer);
// Blocks. Nothing: the mounter is gone without one.
std::optional<Answer> await_answer(int answer_socket);

}  // namespace outboard::fusefs
