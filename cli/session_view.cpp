#include "cli/session_view.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ostream>
#include <vector>

namespace outboard::cli {
namespace {

// Shown of a command's output while it runs, and of another tool's result; --full shows all.
constexpr std::uint64_t kOutputLinesMax = 40;
constexpr std::size_t kResultLinesMax = 8;
constexpr std::size_t kLineColumnsMax = 400;
constexpr std::string_view kFilesTool = "str_replace_based_edit_tool";

std::string text_of(const Json& payload, const char* name) {
  if (!payload.contains(name)) return {};
  const Json& value = payload[name];
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object()) return {};
  if (value.contains("text") && value["text"].is_string()) return value["text"];
  if (value.contains("size")) {
    return "(" + readable_size(value["size"].get<std::uint64_t>()) + ", kept as a blob)";
  }
  return {};
}

std::uint64_t number_of(const Json& payload, const char* name) {
  return payload.contains(name) && payload[name].is_number() ? payload[name].get<std::uint64_t>()
                                                             : 0;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t from = 0;
  while (from < text.size()) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

std::string duration(Timestamp from, Timestamp to) {
  const double seconds = static_cast<double>(to.nanoseconds - from.nanoseconds) / 1e9;
  std::array<char, 32> text{};
  if (seconds < 1) {
    std::snprintf(text.data(), text.size(), "%.0f ms", seconds * 1000);
  } else {
    std::snprintf(text.data(), text.size(), "%.1f s", seconds);
  }
  return text.data();
}

// What a call is about, in a line or a few: a command's text, a file tool's verb and path.
std::string summary_of(const std::string& input) {
  const Json json = Json::parse(input, nullptr, false);
  if (!json.is_object()) return input;
  const auto text = [&](const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
  };
  if (!text("path").empty()) return text("command") + " " + text("path");
  if (!text("command").empty() && json.size() == 1) return text("command");
  if (!text("command").empty()) {
    std::string more;
    for (const auto& [key, value] : json.items()) {
      if (key != "command") more += "  " + key + "=" + value.dump();
    }
    return text("command") + more;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

// ── What comes ───────────────────────────────────────────────────────────────────────────────────

bool SessionView::on_event(const client::AgentEvent& event) {
  const Json payload = Json::parse(event.payload, nullptr, false);
  if (payload.is_object()) show_event(event, payload);
  screen_.out().flush();
  return options_.until == 0 || event.seq < options_.until;
}

bool SessionView::on_text(std::uint64_t turn, std::string_view delta) {
  if (turn != text_turn_) {
    text_turn_ = turn;
    streamed_.clear();
    safe_ = SafeText();
    paragraph();
  }
  streamed_ += delta;
  put(safe_.take(delta));
  screen_.out().flush();
  return true;
}

bool SessionView::on_output(OpId op, std::uint64_t offset, std::string_view bytes) {
  const auto found = calls_.find(to_string(op));
  if (found == calls_.end()) return true;
  Call& call = found->second;
  if (offset + bytes.size() <= call.offset) return true;  // after a takeover it comes again
  if (offset < call.offset) bytes.remove_prefix(call.offset - offset);
  if (offset > call.offset && call.offset > 0) output_line(call, "…");
  call.offset = std::max(call.offset, offset) + bytes.size();
  show_call(call);
  call.partial += bytes;
  for (std::size_t end = call.partial.find('\n'); end != std::string::npos;
       end = call.partial.find('\n')) {
    output_line(call, std::string_view(call.partial).substr(0, end));
    call.partial.erase(0, end + 1);
  }
  screen_.out().flush();
  return true;
}

bool SessionView::on_dropped(std::uint64_t turn) {
  if (turn != text_turn_ || streamed_.empty()) return true;
  text_turn_ = 0;
  streamed_.clear();
  note(Colour::dim, "that was cut off; the model is asked again");
  return true;
}

bool SessionView::on_idle() {
  return options_.until != 0;
}

bool SessionView::on_away(const Error&) {
  note(Colour::dim, "the harness is away; the session goes on where it was when it is back");
  screen_.out().flush();
  return true;
}

bool SessionView::on_back() {
  note(Colour::dim, "the harness is back");
  screen_.out().flush();
  return true;
}

void SessionView::close() {
  if (!at_line_start_) put("\n");
  screen_.out().flush();
}

// ── Events ───────────────────────────────────────────────────────────────────────────────────────

void SessionView::show_event(const client::AgentEvent& event, const Json& payload) {
  const std::string& kind = event.kind;
  if (kind.starts_with("call_")) return call_event(event, payload);
  if (kind == "user_message") return user_message(payload);
  if (kind == "model_answered") return model_answered(payload, event.turn);
  if (kind == "model_failed") return model_failed(payload);
  if (kind == "claimed") return claimed(payload);
  if (kind == "model_asked") busy_ = true;
  if (kind == "handed_over") note(Colour::dim, "handed over to another worker");
  if (kind == "interrupted") {
    note(Colour::yellow, "interrupted by " + printable(text_of(payload, "author")));
  }
  if (kind == "inbox_refused") note(Colour::yellow, printable(text_of(payload, "why")));
  if (kind == "sandbox_intended" && number_of(payload, "generation") > 1) {
    note(Colour::dim, "a new sandbox, the " + std::to_string(number_of(payload, "generation")) +
                          ". of this session");
  }
  if (kind == "session_failed") {
    failed_ = text_of(payload, "diagnosis");
    busy_ = false;
  }
  if (kind == "session_finished") note(Colour::dim, "finished");
}

void SessionView::user_message(const Json& payload) {
  paragraph();
  std::string name = text_of(payload, "author");
  if (name.empty()) name = "you";
  const std::string text = printable_lines(text_of(payload, "text"));
  line(screen_.paint(Colour::cyan, printable(name) + " " + sign("›", ">")) + " " +
       screen_.paint(Colour::bold, text));
}

// Whatever of it was streamed already stands there.
void SessionView::model_answered(const Json& payload, std::uint64_t turn) {
  const std::string text = text_of(payload, "text");
  const std::uint64_t answered = std::max(turn, number_of(payload, "turn"));
  const bool streamed = text_turn_ == answered && !streamed_.empty();
  if (streamed && text.starts_with(streamed_)) {
    put(safe_.take(std::string_view(text).substr(streamed_.size())) + safe_.finish());
  } else if (!text.empty()) {
    paragraph();
    put(printable_lines(text));
  }
  if (!at_line_start_) put("\n");
  text_turn_ = answered;
  streamed_.clear();
  busy_ = false;
}

void SessionView::model_failed(const Json& payload) {
  const bool again = number_of(payload, "retry_unix_ms") != 0;
  note(Colour::yellow, "the model did not answer: " + printable(text_of(payload, "message")) +
                           (again ? " It is asked again." : ""));
}

// Its predecessor died, or handed over: worth a line only in the middle of something.
void SessionView::claimed(const Json& payload) {
  if (!busy_ && calls_.size() == waiting_.size()) return;
  note(Colour::dim, "taken over by " + printable(text_of(payload, "worker")));
}

void SessionView::call_event(const client::AgentEvent& event, const Json& payload) {
  const std::string op = text_of(payload, "op");
  if (event.kind == "call_intended") return call_intended(op, payload);
  const auto found = calls_.find(op);
  if (found == calls_.end()) return;
  Call& call = found->second;
  if (event.kind == "call_dispatched") {
    waiting_.erase(op);
    if (call.begun.nanoseconds == 0) call.begun = event.at;
    return show_call(call);
  }
  if (event.kind == "call_approved") {
    waiting_.erase(op);
    status(Colour::green, "allowed by " + printable(text_of(payload, "author")));
    return;
  }
  if (event.kind == "call_progress") return;
  show_call(call);
  if (event.kind == "call_finished") call_finished(call, payload, event.at);
  if (event.kind == "call_denied") {
    const std::string author = text_of(payload, "author");
    status(Colour::yellow, (author.empty() ? "not run" : "denied by " + printable(author)) + ": " +
                               printable(text_of(payload, "message")));
  }
  if (event.kind == "call_lost") {
    flush_output(call);
    show_result(call, text_of(payload, "result"));
    status(Colour::yellow, "nobody can know what became of it");
  }
  waiting_.erase(op);
  calls_.erase(found);
}

void SessionView::call_intended(const std::string& op, const Json& payload) {
  Call call;
  call.tool = text_of(payload, "tool");
  call.summary = summary_of(text_of(payload, "input"));
  // One tool with many verbs: its verb says more.
  if (call.tool == kFilesTool) {
    const std::size_t space = call.summary.find(' ');
    call.tool = call.summary.substr(0, space);
    call.summary.erase(0, space == std::string::npos ? space : space + 1);
  }
  const bool waits = payload.value("needs_approval", false);
  Call& kept = calls_[op] = call;
  tools_[op] = call.tool;
  if (!waits) return;
  waiting_[op] = {op, call.tool};
  show_call(kept);
  status(Colour::yellow, "waits for a person's word:");
  line("    outboard session approve " + session_.substr(0, 8) + " " + op.substr(0, 8) +
       " --allow " + screen_.paint(Colour::dim, "(or --deny)"));
}

void SessionView::call_finished(Call& call, const Json& payload, Timestamp at) {
  flush_output(call);
  const bool error = payload.value("is_error", false);
  const std::string text = text_of(payload, "result");
  if (call.offset == 0 || error || end_unseen(call, text)) show_result(call, text);
  if (!options_.full && call.lines > kOutputLinesMax) {
    line(screen_.paint(Colour::dim, "  " + sign("│ … ", "| ... ") +
                                        counted(call.lines - kOutputLinesMax, "more line")));
  }
  const std::string took = call.begun.nanoseconds == 0 ? "" : " " + duration(call.begun, at);
  status(error ? Colour::red : Colour::green,
         (error ? sign("✗", "x") + " failed" : sign("✓", "ok")) + took);
}

// ── The page ─────────────────────────────────────────────────────────────────────────────────────

void SessionView::show_call(Call& call) {
  if (std::exchange(call.shown, true)) return;
  paragraph();
  const auto lines = lines_of(call.summary);
  const std::string first = lines.empty() ? "" : cut_to(printable(lines.front()), kLineColumnsMax);
  line(screen_.paint(Colour::cyan, sign("●", "*") + " " + printable(call.tool)) + "  " + first);
  for (std::size_t i = 1; i < lines.size(); ++i) line("  " + printable(lines[i]));
}

void SessionView::output_line(Call& call, std::string_view text) {
  ++call.lines;
  if (!options_.full && call.lines > kOutputLinesMax) return;
  call.seen.insert(std::string(text));
  if (text.ends_with('\r')) text.remove_suffix(1);
  std::string shown = printable_lines(text);
  if (!options_.full) shown = cut_to(shown, kLineColumnsMax);
  line(screen_.paint(Colour::dim, "  " + sign("│", "|") + " " + shown));
}

void SessionView::flush_output(Call& call) {
  if (call.partial.empty()) return;
  output_line(call, call.partial);
  call.partial.clear();
}

// Output that came while nobody followed, as during a takeover, is only in the result.
bool SessionView::end_unseen(const Call& call, const std::string& text) const {
  if (!options_.full && call.lines > kOutputLinesMax) return false;  // not shown on purpose
  const auto lines = lines_of(text);
  return !lines.empty() && !call.seen.contains(lines.back());
}

void SessionView::show_result(Call& call, const std::string& text) {
  auto lines = lines_of(text);
  if (call.offset > 0) {
    std::erase_if(lines, [&](const std::string& one) { return call.seen.contains(one); });
  }
  const std::size_t most = options_.full ? lines.size() : kResultLinesMax;
  // One more is not worth a line that says so.
  const std::size_t shown = lines.size() <= most + 1 ? lines.size() : most;
  if (call.offset > 0) call.lines = 0;  // the command's own end counts anew
  for (std::size_t i = 0; i < shown; ++i) output_line(call, lines[i]);
  if (shown == lines.size()) return;
  line(screen_.paint(Colour::dim,
                     "  " + sign("│ … ", "| ... ") + counted(lines.size() - shown, "more line")));
}

void SessionView::status(Colour colour, const std::string& text) {
  line(screen_.paint(Colour::dim, "  " + sign("└", "`")) + " " + screen_.paint(colour, text));
}

void SessionView::note(Colour colour, const std::string& text) {
  if (!at_line_start_) put("\n");
  line(screen_.paint(colour, sign("·", "-") + " " + text));
}

void SessionView::line(const std::string& text) {
  if (!at_line_start_) put("\n");
  put(text + "\n");
}

void SessionView::paragraph() {
  if (!at_line_start_) put("\n");
  if (!blank_before_) put("\n");
}

void SessionView::put(const std::string& text) {
  if (text.empty() || options_.silent) return;
  screen_.out() << text;
  blank_before_ = text == "\n" ? at_line_start_ : text.ends_with("\n\n");
  at_line_start_ = text.ends_with('\n');
}

std::string SessionView::sign(const char* utf8, const char* ascii) const {
  return screen_.config().utf8 ? utf8 : ascii;
}

}  // namespace outboard::cli
