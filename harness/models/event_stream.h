// EventStream: server-sent events out of bytes as they come. Pure; one thread.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace outboard::harness {

// Calls `take(event, data)` for each whole event; data of several lines are joined with "\n".
class EventStream {
 public:
  using Take = std::function<void(std::string_view event, std::string_view data)>;

  // False: an event over a megabyte; nothing more is taken.
  bool feed(std::string_view bytes, const Take& take);

 private:
  void line(std::string_view text, const Take& take);

  std::string partial_;  // of a line
  std::string event_;
  std::string data_;
  bool has_data_ = false;
};

}  // namespace outboard::harness
