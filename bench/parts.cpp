#include "bench/parts.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>

namespace outboard::bench {
namespace {

bool read_number(const std::string& text, int& number) {
  const char* end = text.data() + text.size();
  const auto [rest, bad] = std::from_chars(text.data(), end, number);
  return bad == std::errc{} && rest == end && number > 0;
}

// Empty, or what is wrong with it.
std::string read_words(const std::vector<std::string>& words, const Parts& parts,
                       Options& options) {
  const auto is_part = [&](const std::string& name) {
    return std::ranges::any_of(parts, [&](const auto& part) { return part.first == name; });
  };
  const std::map<std::string, std::function<bool(const std::string&)>> takes{
      {"--rounds", [&](const auto& value) { return read_number(value, options.rounds); }},
      {"--ms",
       [&](const auto& value) {
         int number = 0;
         if (!read_number(value, number)) return false;
         options.time = std::chrono::milliseconds(number);
         return true;
       }},
      {"--directory", [&](const auto& value) { return !(options.directory = value).empty(); }},
      {"--memory", [&](const auto& value) { return !(options.memory = value).empty(); }},
      {"--only", [&](const auto& value) { return is_part(options.only = value); }}};
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const auto option = takes.find(words[i]);
    if (option == takes.end()) return "there is no option " + words[i];
    if (i + 1 == words.size()) return words[i] + " wants a value";
    if (!option->second(words[i + 1])) return words[i] + " does not take \"" + words[i + 1] + "\"";
  }
  return "";
}

}  // namespace

int run_parts(int rounds, const std::vector<std::string>& words, const Parts& parts) {
  Options options;
  options.rounds = rounds;
  if (const std::string wrong = read_words(words, parts, options); !wrong.empty()) {
    std::cerr << wrong << ": --rounds N, --ms N, --directory DIR, --memory DIR, --only PART of";
    for (const auto& [name, part] : parts) std::cerr << " " << name;
    std::cerr << "\n";
    return 2;
  }
  Figures figures;
  for (const auto& [name, part] : parts) {
    if (!options.only.empty() && options.only != name) continue;
    std::cout << "part " << name << ", load " << load_average() << "\n" << std::flush;
    part(options, figures);
  }
  figures.print(read_promises(PROMISES_FILE), std::cout);
  return 0;
}

std::string load_average() {
  std::ifstream file("/proc/loadavg");
  std::string text;
  std::getline(file, text);
  return text;
}

}  // namespace outboard::bench
