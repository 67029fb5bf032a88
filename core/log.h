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

using LogField = std::pair<std::string_view, std::string>;

// Lines below `least` are dropped. Call once, from main.
void set_log(std::string_view program, Severity least);

// "2026-01-31T12:00:00.000Z info outboard-server: volume opened volume=acme/skills seq=12"
void log(Severity severity, std::string_view event, std::initializer_list<LogField> fields = {});

}  // namespace outboard
