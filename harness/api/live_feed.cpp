#include "harness/api/live_feed.h"

#include <algorithm>
#include <utility>

namespace outboard::harness {
namespace {

// What one ear holds for a slow watcher, and what is kept for one that comes later.
constexpr std::size_t kEarBytesMax = 4U << 20U;
constexpr std::size_t kSoFarBytesMax = 256U << 10U;

void add_text(LivePart& so_far, const LivePart& part) {
  if (so_far.turn != part.turn) so_far = LivePart{LiveKind::text, part.turn, {}, 0, {}};
  // Beyond it a latecomer waits for the whole.
  if (so_far.bytes.size() + part.bytes.size() <= kSoFarBytesMax) so_far.bytes += part.bytes;
}

void add_output(LivePart& so_far, const LivePart& part) {
  const bool follows = so_far.op == part.op && so_far.offset + so_far.bytes.size() == part.offset;
  if (!follows) so_far = LivePart{LiveKind::output, 0, part.op, part.offset, {}};
  so_far.bytes += part.bytes;
  if (so_far.bytes.size() <= kSoFarBytesMax) return;
  const std::size_t gone = so_far.bytes.size() - kSoFarBytesMax / 2;
  so_far.bytes.erase(0, gone);
  so_far.offset += gone;
}

}  // namespace

std::vector<LivePart> Ear::take() {
  return queue_.with([](Queue& queue) {
    queue.bytes = 0;
    const auto parts = std::exchange(queue.parts, {});
    return std::vector<LivePart>(parts.begin(), parts.end());
  });
}

void Ear::put(const LivePart& part) {
  queue_.with([&](Queue& queue) {
    if (queue.bytes + part.bytes.size() > kEarBytesMax) {
      std::set<std::uint64_t> turns;
      for (const LivePart& lost : queue.parts) {
        if (lost.kind != LiveKind::output) turns.insert(lost.turn);
      }
      if (part.kind != LiveKind::output) turns.insert(part.turn);
      queue = Queue{};
      for (const std::uint64_t turn : turns) {
        queue.parts.push_back({LiveKind::dropped, turn, {}, 0, {}});
      }
      if (part.kind == LiveKind::text) return;
    }
    queue.parts.push_back(part);
    queue.bytes += part.bytes.size();
  });
}

std::shared_ptr<Ear> LiveFeed::listen(SessionId session, std::function<void()> poke) {
  const auto ear = std::make_shared<Ear>(std::move(poke));
  lines_.with([&](std::map<SessionId, Line>& lines) {
    Line& line = lines[session];
    if (!line.text.bytes.empty()) ear->put(line.text);
    if (!line.output.bytes.empty()) ear->put(line.output);
    std::erase_if(line.ears, [](const auto& one) { return one.expired(); });
    line.ears.push_back(ear);
  });
  return ear;
}

void LiveFeed::forget(SessionId session) {
  lines_.with([&](std::map<SessionId, Line>& lines) {
    const auto found = lines.find(session);
    if (found == lines.end()) return;
    found->second.text = LivePart{};
    found->second.output = LivePart{};
    std::erase_if(found->second.ears, [](const auto& one) { return one.expired(); });
    if (found->second.ears.empty()) lines.erase(found);
  });
}

void LiveFeed::say(SessionId session, const LivePart& part) {
  const auto ears = lines_.with([&](std::map<SessionId, Line>& lines) {
    Line& line = lines[session];
    switch (part.kind) {
      case LiveKind::text:
        if (part.turn != line.text.turn) line.output = LivePart{};
        add_text(line.text, part);
        break;
      case LiveKind::output: add_output(line.output, part); break;
      case LiveKind::dropped: line.text = LivePart{}; break;
    }
    std::vector<std::shared_ptr<Ear>> listening;
    for (const auto& one : line.ears) {
      if (auto ear = one.lock()) listening.push_back(std::move(ear));
    }
    for (const auto& ear : listening) ear->put(part);
    return listening;
  });
  for (const auto& ear : ears) ear->poke();
}

void LiveFeed::on_text(SessionId session, std::uint64_t turn, std::string_view delta) {
  say(session, {LiveKind::text, turn, {}, 0, std::string(delta)});
}

void LiveFeed::on_output(SessionId session, OpId op, std::uint64_t offset, std::string_view bytes) {
  say(session, {LiveKind::output, 0, op, offset, std::string(bytes)});
}

void LiveFeed::on_dropped(SessionId session, std::uint64_t turn) {
  say(session, {LiveKind::dropped, turn, {}, 0, {}});
}

}  // namespace outboard::harness
