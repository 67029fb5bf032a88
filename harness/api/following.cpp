#include "harness/api/following.h"

#include <algorithm>

#include "harness/api/agent_words.h"
#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

// The tail is asked again after this long; whatever happens wakes it sooner.
constexpr std::chrono::minutes kTailPatience{5};

}  // namespace

Moment Following::soon() const {
  return clock_.now() + kJournalDeadline;
}

Status Following::run(std::uint64_t after, LiveFeed& live, Outlet& outlet) {
  sent_ = after;
  auto tail = records_.journal->tail(session_, after, soon());
  if (!tail) return std::move(tail).error();
  const auto line = std::make_shared<Line>(Line{records_, *std::move(tail)});
  const auto ear = live.listen(session_, [line] { line->tail->wake(); });
  line_.with([&](std::shared_ptr<Line>& held) { held = line; });
  if (stopped_) return success();
  const auto info = records_.journal->describe(session_, soon());
  if (!info) return info.error();
  target_ = info->head;
  Status done = send_idle(info->phase, info->head, outlet);
  if (done) done = follow(*ear, outlet);
  line_.with([&](std::shared_ptr<Line>& held) { held.reset(); });
  return done;
}

Status Following::follow(Ear& ear, Outlet& outlet) {
  Tail& tail = *line_.with([](const std::shared_ptr<Line>& held) { return held; })->tail;
  while (!closed_ && !stopped_) {
    auto heard = tail.next(clock_.now() + kTailPatience);
    if (stopped_) break;
    if (!heard && heard.error().code != Code::timed_out) return std::move(heard).error();
    // What was said live came before the event that ends it.
    if (sent_ >= target_ && !send_live(ear, outlet)) break;
    if (!heard) continue;
    if (auto sent = send_records(*heard, outlet); !sent) return sent;
    if (auto sent = send_idle(heard->phase, heard->head, outlet); !sent) return sent;
  }
  return success();
}

void Following::stop() {
  stopped_ = true;
  const auto line = line_.with([](const std::shared_ptr<Line>& held) { return held; });
  if (line) line->tail->wake();
}

void Following::note(const Event& event) {
  if (const auto* answer = std::get_if<ModelAnswered>(&event)) answered_ = answer->turn;
  if (const auto* ended = std::get_if<CallFinished>(&event)) over_.insert(ended->op);
  if (const auto* ended = std::get_if<CallLost>(&event)) over_.insert(ended->op);
}

Status Following::send_records(const Tailed& tailed, Outlet& outlet) {
  for (const Record& record : tailed.records) {
    if (closed_ || stopped_) return success();
    if (record.seq <= sent_) continue;
    note(record.event);
    auto event = write_event(record, *records_.blobs, soon());
    if (!event) return std::move(event).error();
    v1::WatchSessionResponse message;
    *message.mutable_event() = *std::move(event);
    closed_ = !outlet.send(message);
    sent_ = record.seq;
    idle_ = false;
  }
  return success();
}

bool Following::send_live(Ear& ear, Outlet& outlet) {
  for (const LivePart& part : ear.take()) {
    if (part.kind == LiveKind::output && over_.contains(part.op)) continue;
    if (part.kind != LiveKind::output && part.turn <= answered_) continue;
    closed_ = closed_ || !outlet.send(write_live(part));
  }
  return !closed_;
}

Status Following::send_idle(SessionPhase phase, std::uint64_t head, Outlet& outlet) {
  switch (phase) {
    case SessionPhase::runnable:
    case SessionPhase::running: idle_ = false; return success();
    case SessionPhase::waiting:
    case SessionPhase::finished:
    case SessionPhase::failed: break;
  }
  if (idle_ || closed_ || sent_ < head) return success();
  if (phase == SessionPhase::waiting) {
    const auto info = records_.journal->describe(session_, soon());
    if (!info) return info.error();
    // By time, for a model that had no answer; or something has come meanwhile: more will follow.
    if (info->phase != phase || info->wake_unix_ms != 0) return success();
  }
  idle_ = true;
  v1::WatchSessionResponse message;
  message.set_idle(true);
  closed_ = !outlet.send(message);
  return success();
}

}  // namespace outboard::harness
