#include "core/pattern.h"

#include <re2/filtered_re2.h>
#include <re2/re2.h>

#include <algorithm>
#include <map>
#include <utility>

#include "core/limits.h"
#include "core/path_glob.h"

namespace outboard {
namespace {

using re2::RE2;
using re2::StringPiece;
using Compiled = std::unique_ptr<RE2>;

constexpr std::string_view kWordCharacter = R"([\pL\pN_])";
constexpr std::string_view kNoWordCharacter = R"([^\pL\pN_])";

RE2::Options options_of(bool ignore_case) {
  RE2::Options options;
  options.set_log_errors(false);
  options.set_never_nl(true);
  options.set_case_sensitive(!ignore_case);
  options.set_max_mem(kPatternMemoryMax);
  return options;
}

// What is wrong, and at which byte of the pattern.
Error bad(std::string_view what, const std::string& pattern, const RE2& compiled) {
  std::string message = "the " + std::string(what) + " is not valid: " + compiled.error();
  const std::string& part = compiled.error_arg();
  if (const std::size_t at = pattern.find(part); !part.empty() && at != std::string::npos) {
    message += ", at byte " + std::to_string(at + 1);
  }
  message +=
      "; the syntax is RE2's (no backreferences, no look-around), and a literal search "
      "takes any text";
  Error error{Code::invalid, std::move(message)};
  error.subject = pattern;
  return error;
}

Result<Compiled> compile_regex(const std::string& pattern, bool ignore_case) {
  const RE2::Options options = options_of(ignore_case);
  // By itself first: an error's place is then that in the pattern as it was typed.
  const RE2 alone(pattern, options);
  if (!alone.ok()) return bad("regular expression", pattern, alone);
  auto compiled = std::make_unique<RE2>("(?m:" + pattern + ")", options);
  if (!compiled->ok()) return bad("regular expression", pattern, *compiled);
  return compiled;
}

// ── Words ────────────────────────────────────────────────────────────────────────────────────────

struct Term {
  std::string regex;  // of the word or phrase
  bool excluded = false;
};

// "deploy -draft \"on tuesdays\"" → its terms.
std::vector<Term> terms_of(std::string_view query) {
  const RE2 word_regex("(" + std::string(kWordCharacter) + "+)");
  std::vector<Term> terms;
  for (std::size_t at = 0; at < query.size();) {
    if (query[at] == ' ' || query[at] == '\t' || query[at] == '\n') {
      ++at;
      continue;
    }
    Term term;
    term.excluded = query[at] == '-';
    if (term.excluded) ++at;
    const bool quoted = at < query.size() && query[at] == '"';
    if (quoted) ++at;
    const std::size_t end =
        std::min(query.find_first_of(quoted ? "\"" : " \t\n", at), query.size());
    StringPiece left(query.data() + at, end - at);
    StringPiece word;
    at = end + (quoted ? 1 : 0);
    while (RE2::FindAndConsume(&left, word_regex, &word)) {
      if (!term.regex.empty()) term.regex += std::string(kNoWordCharacter) + "+";
      term.regex += RE2::QuoteMeta(word);
    }
    if (!term.regex.empty()) terms.push_back(std::move(term));
  }
  return terms;
}

std::string whole_words(const std::string& regex) {
  const std::string edge(kNoWordCharacter);
  return "(?im:(?:^|" + edge + ")(" + regex + ")(?:" + edge + "|$))";
}

// ── What an index may go by ──────────────────────────────────────────────────────────────────────

// RE2 tells strings ("atoms") and, for a set of them, whether a text that has only those can match.
// Atoms without which it cannot are all needed; when there is no such, one of all is.
GramNeeds needs_of(const std::string& regex, const RE2::Options& options) {
  re2::FilteredRE2 filter(3);
  int id = 0;
  std::vector<std::string> atoms;
  if (filter.Add(regex, options, &id) != RE2::NoError) return {};
  filter.Compile(&atoms);
  std::map<std::string, std::vector<int>> alike;  // atoms that folding makes one
  for (std::size_t i = 0; i < atoms.size(); ++i) {
    alike[folded(atoms[i])].push_back(static_cast<int>(i));
  }
  const auto possible_without = [&](const std::vector<int>& absent) {
    std::vector<int> present;
    for (int i = 0; i < static_cast<int>(atoms.size()); ++i) {
      if (std::find(absent.begin(), absent.end(), i) == absent.end()) present.push_back(i);
    }
    std::vector<int> possible;
    filter.AllPotentials(present, &possible);
    return !possible.empty();
  };
  std::vector<int> all;
  for (int i = 0; i < static_cast<int>(atoms.size()); ++i) all.push_back(i);
  if (atoms.empty() || alike.size() > kSearchAlternativesMax || possible_without(all)) return {};
  std::vector<Gram> needed;
  GramNeeds any;
  for (const auto& [atom, places] : alike) {
    std::vector<Gram> grams = steady_grams(atom);
    if (!possible_without(places)) needed.insert(needed.end(), grams.begin(), grams.end());
    any.push_back(std::move(grams));
  }
  if (!needed.empty()) return {needed};
  if (std::any_of(any.begin(), any.end(), [](const auto& grams) { return grams.empty(); })) {
    return {};
  }
  return any;
}

// Of several terms that must all be there.
void add_needs(GramNeeds& to, GramNeeds more) {
  if (more.empty()) return;
  if (to.empty()) {
    to = std::move(more);
  } else if (to.size() == 1 && more.size() == 1) {
    to.front().insert(to.front().end(), more.front().begin(), more.front().end());
  } else if (more.size() < to.size()) {
    to = std::move(more);
  }
}

}  // namespace

struct Pattern::Parts {
  Status compile_words(const std::string& query);

  Compiled lines;  // finds a match; its group 1, if it has `grouped`, is what is marked
  bool grouped = false;
  std::vector<Compiled> wanted;    // the text must match all of these …
  std::vector<Compiled> unwanted;  // … and none of these
  std::optional<PathGlob> glob;    // unset: all paths
  GramNeeds needs;
};

Pattern::Pattern(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;

Result<Pattern> Pattern::compile(const SearchQuery& query) {
  auto parts = std::make_unique<Parts>();
  if (!query.glob.empty()) {
    auto glob = PathGlob::compile(query.glob);
    if (!glob) return glob.error();
    parts->glob = *std::move(glob);
  }
  if (query.kind == SearchKind::words) {
    if (auto done = parts->compile_words(query.pattern); !done) return done.error();
    return Pattern(std::move(parts));
  }
  const bool literal = query.kind == SearchKind::literal;
  const std::string regex = literal ? RE2::QuoteMeta(query.pattern) : query.pattern;
  auto lines = compile_regex(regex, query.ignore_case);
  if (!lines) return lines.error();
  parts->lines = *std::move(lines);
  parts->needs = needs_of(parts->lines->pattern(), options_of(query.ignore_case));
  return Pattern(std::move(parts));
}

Status Pattern::Parts::compile_words(const std::string& query) {
  std::string any;
  for (const Term& term : terms_of(query)) {
    const std::string regex = whole_words(term.regex);
    auto compiled = std::make_unique<RE2>(regex, options_of(true));
    if (!compiled->ok()) return bad("list of words", query, *compiled);
    if (term.excluded) {
      unwanted.push_back(std::move(compiled));
      continue;
    }
    add_needs(needs, needs_of(regex, options_of(true)));
    wanted.push_back(std::move(compiled));
    any += (any.empty() ? "" : "|") + term.regex;
  }
  if (wanted.empty()) {
    return Error{Code::invalid, "\"" + query +
                                    "\" has no word to look for: give words, \"a phrase\" in "
                                    "quotes, and -word for what must not occur"};
  }
  lines = std::make_unique<RE2>(whole_words(any), options_of(true));
  grouped = true;
  if (!lines->ok()) return bad("list of words", query, *lines);
  return success();
}

namespace {

bool occurs(const Compiled& regex, std::string_view text) {
  return RE2::PartialMatch(StringPiece(text.data(), text.size()), *regex);
}

}  // namespace

bool Pattern::takes_path(std::string_view path) const {
  return !parts_->glob || parts_->glob->takes(path);
}

bool Pattern::takes_text(std::string_view text) const {
  const auto in_text = [&](const Compiled& regex) { return occurs(regex, text); };
  return std::all_of(parts_->wanted.begin(), parts_->wanted.end(), in_text) &&
         std::none_of(parts_->unwanted.begin(), parts_->unwanted.end(), in_text);
}

std::optional<Span> Pattern::find(std::string_view text, std::size_t from) const {
  StringPiece groups[2];
  const int wanted = parts_->grouped ? 2 : 1;
  const StringPiece whole(text.data(), text.size());
  if (!parts_->lines->Match(whole, from, text.size(), RE2::UNANCHORED, groups, wanted)) {
    return std::nullopt;
  }
  const StringPiece& match = groups[wanted - 1];
  const auto start = static_cast<std::size_t>(match.data() - text.data());
  return Span{start, start + match.size()};
}

const GramNeeds& Pattern::needs() const {
  return parts_->needs;
}

}  // namespace outboard
