// The log line: one event, its fields, to standard error. The only I/O of this room.
//
// Fields name things (volume, path, seq, code); never a secret, never a file's content. Callable
// from any thread; never while holding a lock.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace outboard {

enum class Severity { debug, info, warning, error };

// text, for people:   "2026-01-31T12:00:00.000Z info outboard-server: volume opened seq=12"
// json, for programs: {"time":"…","level":"info","program":"outboard-server",
//                      "event":"volume opened","seq":"12"}; all values are strings
enum class LogFormat { text, json };

struct LogOptions {
  Severity least = Severity::info;  // lines below it are dropped
  LogFormat format = LogFormat::text;
};

using LogField = std::pair<std::string_view, std::string>;

// Call once, from main.
void set_log(std::string_view program, const LogOptions& options);

void log(Severity severity, std::string_view event, std::initializer_list<LogField> fields = {});

// The part of a line behind its time, level and program.
std::string log_text(std::string_view event, std::initializer_list<LogField> fields);
// The members behind them, from `"event":` on. Bytes that are no UTF-8 become U+FFFD.
std::string log_json(std::string_view event, std::initializer_list<LogField> fields);

}  // namespace outboard
