#include "core/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace outboard {
namespace {

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::debug: return spdlog::level::debug;
    case Severity::info: return spdlog::level::info;
    case Severity::warning: return spdlog::level::warn;
    case Severity::error: return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool needs_quotes(std::string_view text) {
  return text.empty() || text.find_first_of(" \"\n\t=") != std::string_view::npos;
}

}  // namespace

void set_log(std::string_view program, Severity least) {
  auto logger = spdlog::stderr_logger_mt(std::string(program));
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v", spdlog::pattern_time_type::utc);
  logger->set_level(level_of(least));
  spdlog::set_default_logger(std::move(logger));
}

void log(Severity severity, std::string_view event, std::initializer_list<LogField> fields) {
  if (!spdlog::default_logger_raw()->should_log(level_of(severity))) return;
  std::string line(event);
  for (const auto& [name, value] : fields) {
    line.append(" ").append(name).append("=");
    if (!needs_quotes(value)) {
      line.append(value);
      continue;
    }
    line.push_back('"');
    for (const char c : value) {
      if (c == '"' || c == '\\') line.push_back('\\');
      line.append(c == '\n' ? std::string("\\n") : std::string(1, c));
    }
    line.push_back('"');
  }
  spdlog::log(level_of(severity), "{}", line);
}

}  // namespace outboard
