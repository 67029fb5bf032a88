#include "harness/models/event_stream.h"

#include <utility>

namespace outboard::harness {
namespace {

// One event of a model's answer is a few hundred bytes; a megabyte is no event.
constexpr std::size_t kEventBytesMax = 1U << 20U;

}  // namespace

bool EventStream::feed(std::string_view bytes, const Take& take) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    partial_.append(bytes.substr(0, end));
    if (partial_.size() + data_.size() > kEventBytesMax) return false;
    if (end == std::string_view::npos) return true;
    bytes.remove_prefix(end + 1);
    std::string text = std::exchange(partial_, {});
    if (text.ends_with('\r')) text.pop_back();
    line(text, take);
  }
  return true;
}

void EventStream::line(std::string_view text, const Take& take) {
  if (text.empty()) {
    const std::string event = std::exchange(event_, {});
    const std::string data = std::exchange(data_, {});
    if (std::exchange(has_data_, false)) take(event, data);
    return;
  }
  if (text.front() == ':') return;  // a comment
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  std::string_view value = colon == std::string_view::npos ? "" : text.substr(colon + 1);
  if (value.starts_with(' ')) value.remove_prefix(1);
  if (field == "event") event_ = value;
  if (field == "data") {
    if (std::exchange(has_data_, true)) data_ += '\n';
    data_.append(value);
  }
}

}  // namespace outboard::harness
