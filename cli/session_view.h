// SessionView: how a session looks while it happens: what people and the model say, each tool call
// with a marker, its output dimmed, how it ended and how long it took.
//
// Agent::watch → SessionView → Screen. Live text and output are shown as they come; the durable
// event that follows adds only what was missing. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "cli/json_output.h"
#include "cli/safe_text.h"
#include "cli/screen.h"
#include "client/agent.h"

namespace outboard::cli {

struct ViewOptions {
  std::uint64_t until = 0;  // stop behind this event; 0: when the session is idle
  bool full = false;        // all lines of outputs, not only the first
  bool silent = false;      // show nothing, only remember
};

// A call that waits for a person.
struct WaitingCall {
  std::string op;
  std::string tool;
};

class SessionView final : public client::AgentSink {
 public:
  SessionView(Screen& screen, SessionId session, ViewOptions options)
      : screen_(screen), session_(to_string(session)), options_(options) {}

  bool on_event(const client::AgentEvent& event) override;
  bool on_text(std::uint64_t turn, std::string_view delta) override;
  bool on_output(OpId op, std::uint64_t offset, std::string_view bytes) override;
  bool on_dropped(std::uint64_t turn) override;
  bool on_idle() override;
  bool on_away(const Error& error) override;
  bool on_back() override;

  // After the last word.
  void close();
  const std::optional<std::string>& failed() const { return failed_; }
  const std::map<std::string, WaitingCall>& waiting() const { return waiting_; }
  const std::map<std::string, std::string>& calls() const { return tools_; }

 private:
  struct Call {
    std::string tool;
    std::string summary;
    bool shown = false;
    Timestamp begun;
    std::uint64_t offset = 0;  // of its output that was shown
    std::uint64_t lines = 0;
    std::string partial;         // of a line
    std::set<std::string> seen;  // lines that were shown
  };

  void show_event(const client::AgentEvent& event, const Json& payload);
  void user_message(const Json& payload);
  void model_answered(const Json& payload, std::uint64_t turn);
  void model_failed(const Json& payload);
  void call_event(const client::AgentEvent& event, const Json& payload);
  void call_intended(const std::string& op, const Json& payload);
  void call_finished(Call& call, const Json& payload, Timestamp at);
  void claimed(const Json& payload);

  void show_call(Call& call);
  void output_line(Call& call, std::string_view line);
  bool end_unseen(const Call& call, const std::string& text) const;
  void show_result(Call& call, const std::string& text);
  void flush_output(Call& call);
  void status(Colour colour, const std::string& text);
  // A line of its own, apart from text that stands in the middle of one.
  void line(const std::string& text);
  void note(Colour colour, const std::string& text);
  void paragraph();
  void put(const std::string& text);
  std::string sign(const char* utf8, const char* ascii) const;

  Screen& screen_;
  const std::string session_;
  const ViewOptions options_;
  bool at_line_start_ = true;
  bool blank_before_ = true;     // nothing, or an empty line, stands above
  std::uint64_t text_turn_ = 0;  // whose text was streamed
  std::string streamed_;
  SafeText safe_;
  std::map<std::string, Call> calls_;  // open ones, by op
  std::map<std::string, std::string> tools_;
  std::map<std::string, WaitingCall> waiting_;
  bool busy_ = false;  // asked a model, or calls are open
  std::optional<std::string> failed_;
};

}  // namespace outboard::cli
