// Child: this program once more, in another part, with a line in and a line out at a time.
//
// Used by one thread. It ends when its standard input does, and with us.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace outboard::bench {

class Child {
 public:
  // `words`: the part, then its arguments.
  explicit Child(std::vector<std::string> words);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void write_line(const std::string& line) const;
  // Empty when it has ended.
  std::string read_line() const;

 private:
  pid_t pid_ = -1;
  int to_ = -1;
  int from_ = -1;
};

}  // namespace outboard::bench
