// Points in the past, as people write them.
#include <time.h>

#include <algorithm>
#include <cctype>
#include <charconv>

#include "cli/amounts.h"
#include "cli/past_commands.h"
#include "core/undo.h"

namespace outboard::cli {
namespace {

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<Timestamp> time_in(const std::string& text) {
  for (const char* form :
       {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d"}) {
    std::tm parts{};
    const char* end = ::strptime(text.c_str(), form, &parts);
    if (end == nullptr || (*end != '\0' && std::string_view(end) != "Z")) continue;
    constexpr std::int64_t kNanos = 1'000'000'000;
    return Timestamp{static_cast<std::int64_t>(::timegm(&parts)) * kNanos};
  }
  return std::nullopt;
}

}  // namespace

Result<Seq> parse_moment(Context& context, Store& store, const Volume& volume,
                         const std::string& text) {
  if (const auto number = number_in(text)) {
    if (*number <= volume.head.value) return Seq{*number};
    return Error{
        Code::invalid,
        "seq " + text + " has not come yet: " + volume.name + " is at " + to_string(volume.head),
        text};
  }
  std::optional<Timestamp> time = time_in(text);
  if (!time) {
    auto ago = parse_duration(text);
    if (!ago) {
      return Error{Code::invalid,
                   "\"" + text +
                       "\" is no point in the past: write a seq of `outboard log` (120), how long "
                       "ago (90m, 12h, 3d), or a time in UTC (2026-01-31T12:00:00)",
                   text};
    }
    time = Timestamp{context.clock().wall().nanoseconds - std::chrono::nanoseconds(*ago).count()};
  }
  return seq_at(
      store, [&] { return context.call(); }, volume.id, *time);
}

}  // namespace outboard::cli
