#include "core/path_glob.h"

#include <re2/re2.h>

#include <optional>

#include "core/path.h"

namespace outboard {
namespace {

using re2::RE2;
using re2::StringPiece;

// Any character but "/", of names that need not be UTF-8.
constexpr std::string_view kAnyCharacter = R"((?:[^/\x80-\xff]|[\x80-\xff][\x80-\xbf]*))";

// "*.md" → its regular expression over bytes; nothing when a bracket or brace is left open.
std::optional<std::string> regex_of(std::string_view glob) {
  std::string regex;
  int braces = 0;
  for (std::size_t at = 0; at < glob.size(); ++at) {
    const char c = glob[at];
    if (c == '*' && glob.substr(at, 3) == "**/") {
      regex += "(?:.*/)?";
      at += 2;
    } else if (c == '*' && glob.substr(at, 2) == "**") {
      regex += ".*";
      ++at;
    } else if (c == '*') {
      regex += "[^/]*";
    } else if (c == '?') {
      regex += kAnyCharacter;
    } else if (c == '[') {
      const std::size_t end = glob.find(']', at + 2);
      if (end == std::string_view::npos) return std::nullopt;
      std::string set(glob.substr(at + 1, end - at - 1));
      const bool except = set.front() == '!' || set.front() == '^';
      if (except) set.erase(0, 1);
      std::string escaped;
      for (const char one : set) escaped += one == '-' ? "-" : RE2::QuoteMeta(StringPiece(&one, 1));
      regex += (except ? "[^/" : "[") + escaped + "]";
      at = end;
    } else if (c == '{') {
      regex += "(?:";
      ++braces;
    } else if (c == '}' && braces > 0) {
      regex += ")";
      --braces;
    } else if (c == ',' && braces > 0) {
      regex += "|";
    } else if (c == '\\' && at + 1 < glob.size()) {
      regex += RE2::QuoteMeta(StringPiece(&glob[++at], 1));
    } else {
      regex += RE2::QuoteMeta(StringPiece(&c, 1));
    }
  }
  if (braces > 0) return std::nullopt;
  return regex;
}

}  // namespace

struct PathGlob::Parts {
  Parts(const std::string& expression, const RE2::Options& options, bool name)
      : regex(expression, options), of_name(name) {}
  RE2 regex;
  bool of_name;
};

PathGlob::PathGlob(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
PathGlob::~PathGlob() = default;
PathGlob::PathGlob(PathGlob&&) noexcept = default;
PathGlob& PathGlob::operator=(PathGlob&&) noexcept = default;

Result<PathGlob> PathGlob::compile(const std::string& glob) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_encoding(RE2::Options::EncodingLatin1);
  options.set_dot_nl(true);
  if (const auto regex = regex_of(glob)) {
    const bool of_name = glob.find('/') == std::string::npos;
    auto parts = std::make_unique<Parts>(*regex, options, of_name);
    if (parts->regex.ok()) return PathGlob(std::move(parts));
  }
  Error error{Code::invalid, "the glob \"" + glob +
                                 "\" is not valid: every [ and { needs its end; \\ before a sign "
                                 "takes it as it is"};
  error.subject = glob;
  return error;
}

bool PathGlob::takes(std::string_view path) const {
  const std::string_view subject = parts_->of_name && path != "/" ? split_last(path).second : path;
  return RE2::FullMatch(StringPiece(subject.data(), subject.size()), parts_->regex);
}

}  // namespace outboard
