#include "core/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <array>
#include <atomic>
#include <cstdio>

namespace outboard {
namespace {

// Beside spdlog's own default logger, which it belongs to: set once, by main.
std::atomic<LogFormat> chosen_format{LogFormat::text};

constexpr const char* kTextPattern = "%Y-%m-%dT%H:%M:%S.%eZ %l %n: %v";
constexpr const char* kJsonPattern =
    R"({"time":"%Y-%m-%dT%H:%M:%S.%eZ","level":"%l","program":"%n",%v})";

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

// How many bytes the character at the front takes; 0: it is no UTF-8. (Surrogates and overlong
// forms of three and four bytes pass: readers of JSON take them.)
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t bytes = first < 0x80                     ? 1
                            : first >= 0xC2 && first <= 0xDF ? 2
                            : first >= 0xE0 && first <= 0xEF ? 3
                            : first >= 0xF0 && first <= 0xF4 ? 4
                                                             : 0;
  if (bytes > text.size()) return 0;
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U) return 0;
  }
  return bytes;
}

void append_json(std::string& to, std::string_view text) {
  to.push_back('"');
  while (!text.empty()) {
    const std::size_t bytes = character_bytes(text);
    const char c = text.front();
    if (bytes == 0) {
      to.append("\\ufffd");
    } else if (c == '"' || c == '\\') {
      to.push_back('\\');
      to.push_back(c);
    } else if (bytes == 1 && static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escaped{};
      std::snprintf(escaped.data(), escaped.size(), "\\u%04x", static_cast<unsigned>(c));
      to.append(escaped.data());
    } else {
      to.append(text.substr(0, bytes));
    }
    text.remove_prefix(bytes == 0 ? 1 : bytes);
  }
  to.push_back('"');
}

}  // namespace

void set_log(std::string_view program, const LogOptions& options) {
  auto logger = spdlog::stderr_logger_mt(std::string(program));
  logger->set_pattern(options.format == LogFormat::json ? kJsonPattern : kTextPattern,
                      spdlog::pattern_time_type::utc);
  logger->set_level(level_of(options.least));
  chosen_format = options.format;
  spdlog::set_default_logger(std::move(logger));
}

std::string log_text(std::string_view event, std::initializer_list<LogField> fields) {
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
  return line;
}

std::string log_json(std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = "\"event\":";
  append_json(line, event);
  for (const auto& [name, value] : fields) {
    line.push_back(',');
    append_json(line, name);
    line.push_back(':');
    append_json(line, value);
  }
  return line;
}

void log(Severity severity, std::string_view event, std::initializer_list<LogField> fields) {
  if (!spdlog::default_logger_raw()->should_log(level_of(severity))) return;
  const bool json = chosen_format == LogFormat::json;
  spdlog::log(level_of(severity), "{}", json ? log_json(event, fields) : log_text(event, fields));
}

}  // namespace outboard
