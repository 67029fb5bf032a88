#include "publishing/secret_scan.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

namespace outboard::publishing {
namespace {

enum class Alphabet { upper_digits, alphanumeric, word, token };

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_upper(char c) {
  return c >= 'A' && c <= 'Z';
}
bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_word(char c) {
  return is_digit(c) || is_upper(c) || is_lower(c) || c == '_';
}

bool has(Alphabet alphabet, char c) {
  switch (alphabet) {
    case Alphabet::upper_digits: return is_digit(c) || is_upper(c);
    case Alphabet::alphanumeric: return is_digit(c) || is_upper(c) || is_lower(c);
    case Alphabet::word: return is_word(c);
    case Alphabet::token: return is_word(c) || c == '-';
  }
  return false;
}

// A fixed beginning and then at least `rest_min` characters of an alphabet.
struct Shape {
  std::string_view kind;
  std::string_view prefix;
  Alphabet alphabet;
  std::size_t rest_min;
  std::size_t rest_max = 512;
};

constexpr std::array kShapes = {
    Shape{"an AWS access key", "AKIA", Alphabet::upper_digits, 16, 16},
    Shape{"an AWS access key", "ASIA", Alphabet::upper_digits, 16, 16},
    Shape{"a GitHub token", "ghp_", Alphabet::alphanumeric, 36},
    Shape{"a GitHub token", "gho_", Alphabet::alphanumeric, 36},
    Shape{"a GitHub token", "ghu_", Alphabet::alphanumeric, 36},
    Shape{"a GitHub token", "ghs_", Alphabet::alphanumeric, 36},
    Shape{"a GitHub token", "ghr_", Alphabet::alphanumeric, 36},
    Shape{"a GitHub token", "github_pat_", Alphabet::word, 59},
    Shape{"a GitLab token", "glpat-", Alphabet::token, 20},
    Shape{"a Slack token", "xoxb-", Alphabet::token, 20},
    Shape{"a Slack token", "xoxp-", Alphabet::token, 20},
    Shape{"a Slack token", "xoxa-", Alphabet::token, 20},
    Shape{"a Slack token", "xoxr-", Alphabet::token, 20},
    Shape{"a Slack token", "xoxs-", Alphabet::token, 20},
    Shape{"a Slack token", "xapp-", Alphabet::token, 20},
    Shape{"a Google key", "AIza", Alphabet::token, 35, 35},
    Shape{"an Anthropic key", "sk-ant-", Alphabet::token, 32},
    Shape{"an OpenAI key", "sk-proj-", Alphabet::token, 32},
    Shape{"an OpenAI key", "sk-", Alphabet::alphanumeric, 40},
    Shape{"a Stripe key", "sk_live_", Alphabet::alphanumeric, 20},
    Shape{"a Stripe key", "rk_live_", Alphabet::alphanumeric, 20},
    Shape{"an npm token", "npm_", Alphabet::alphanumeric, 36, 36},
    Shape{"an Outboard token", "ob_", Alphabet::token, 40},
};

std::size_t run_length(Alphabet alphabet, std::string_view text) {
  const auto end =
      std::find_if_not(text.begin(), text.end(), [&](char c) { return has(alphabet, c); });
  return static_cast<std::size_t>(end - text.begin());
}

bool contains_any_case(std::string_view text, std::string_view lowercase) {
  const auto same = [](char a, char b) { return (is_upper(a) ? a - 'A' + 'a' : a) == b; };
  return std::search(text.begin(), text.end(), lowercase.begin(), lowercase.end(), same) !=
         text.end();
}

// Made up for a text: says so, or repeats one character.
bool is_made_up(std::string_view value) {
  for (const std::string_view word : {"example", "placeholder", "your", "xxxx", "changeme"}) {
    if (contains_any_case(value, word)) return true;
  }
  return false;
}

// Shannon's, in bits a character.
double entropy_of(std::string_view value) {
  std::array<unsigned, 256> counts{};
  for (const char c : value) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const unsigned count : counts) {
    if (count == 0) continue;
    const double share = count / static_cast<double>(value.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

std::optional<FoundSecret> shape_at(std::string_view text, std::size_t at) {
  const std::string_view here = text.substr(at);
  for (const Shape& shape : kShapes) {
    if (!here.starts_with(shape.prefix)) continue;
    const std::size_t rest = run_length(shape.alphabet, here.substr(shape.prefix.size()));
    if (rest < shape.rest_min || rest > shape.rest_max) continue;
    const std::size_t size = shape.prefix.size() + rest;
    if (!is_made_up(here.substr(0, size))) return FoundSecret{shape.kind, at, size};
  }
  return std::nullopt;
}

// "-----BEGIN … PRIVATE KEY-----"
std::optional<FoundSecret> private_key_at(std::string_view text, std::size_t at) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  constexpr std::string_view kEnd = "PRIVATE KEY-----";
  constexpr std::size_t kNameMax = 32;  // "OPENSSH ", "ENCRYPTED ", "EC "
  const std::string_view here = text.substr(at, kBegin.size() + kNameMax + kEnd.size());
  if (!here.starts_with(kBegin)) return std::nullopt;
  const std::size_t end = here.find(kEnd);
  if (end == std::string_view::npos || here.find('\n') < end) return std::nullopt;
  return FoundSecret{"a private key", at, end + kEnd.size()};
}

// Three parts of base64url between dots, the first of which begins as `{"` does.
std::optional<FoundSecret> signed_token_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kPartMin = 16;
  const std::string_view here = text.substr(at);
  if (!here.starts_with("eyJ")) return std::nullopt;
  std::size_t size = 0;
  for (int part = 0; part < 3; ++part) {
    if (part > 0) {
      if (size >= here.size() || here[size] != '.') return std::nullopt;
      ++size;
    }
    const std::size_t length = run_length(Alphabet::token, here.substr(size));
    if (length < kPartMin) return std::nullopt;
    size += length;
  }
  return FoundSecret{"a signed token (JWT)", at, size};
}

std::optional<FoundSecret> credential_at(std::string_view text, std::size_t at) {
  switch (text[at]) {
    case '-': return private_key_at(text, at);
    case 'e': return signed_token_at(text, at);
    case 'A':
    case 'g':
    case 'n':
    case 'o':
    case 'r':
    case 's':
    case 'x': return shape_at(text, at);
    default: return std::nullopt;
  }
}

// The name before an assignment's sign at `at`: `"api_key" :`.
std::string_view name_before(std::string_view text, std::size_t at) {
  const auto skip = [&](auto good) {
    while (at > 0 && good(text[at - 1])) --at;
    return at;
  };
  const std::size_t end = skip([](char c) { return c == ' ' || c == '"' || c == '\''; });
  const std::size_t begin = skip([](char c) { return is_word(c) || c == '-' || c == '.'; });
  return text.substr(begin, end - begin);
}

bool names_a_secret(std::string_view name) {
  for (const std::string_view word : {"password", "passwd", "secret", "token", "api_key", "api-key",
                                      "apikey", "access_key", "private_key", "credential"}) {
    if (contains_any_case(name, word)) return true;
  }
  return false;
}

// A random-looking value that is assigned to a name like `password`.
std::optional<FoundSecret> assignment_at(std::string_view text, std::size_t at) {
  constexpr std::size_t kValueMin = 20;
  constexpr double kEntropyMin = 3.6;  // words and paths have less, random base64 has over 4
  std::size_t begin = at + 1;
  while (begin < text.size() && (text[begin] == ' ' || text[begin] == '"' || text[begin] == '\'')) {
    ++begin;
  }
  const auto good = [](char c) { return is_word(c) || c == '-' || c == '+' || c == '/'; };
  const std::string_view rest = text.substr(begin);
  const auto end = std::find_if_not(rest.begin(), rest.end(), good);
  const std::string_view value = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
  if (value.size() < kValueMin || !names_a_secret(name_before(text, at))) return std::nullopt;
  const bool mixed =
      std::any_of(value.begin(), value.end(), is_digit) &&
      std::any_of(value.begin(), value.end(), [](char c) { return is_lower(c) || is_upper(c); });
  if (!mixed || is_made_up(value) || entropy_of(value) < kEntropyMin) return std::nullopt;
  return FoundSecret{"a password or key", begin, value.size()};
}

}  // namespace

std::optional<FoundSecret> find_secret(std::string_view text, std::size_t from, std::size_t to) {
  for (std::size_t at = 0; at < std::min(to, text.size()); ++at) {
    std::optional<FoundSecret> found;
    if (text[at] == '=' || text[at] == ':') {
      found = assignment_at(text, at);
    } else if (at == 0 || !is_word(text[at - 1])) {
      found = credential_at(text, at);
    }
    if (found && found->at < to && found->at + found->size > from) return found;
  }
  return std::nullopt;
}

}  // namespace outboard::publishing
