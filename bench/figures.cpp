#include "bench/figures.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/check.h"

namespace outboard::bench {
namespace {

// Three digits that say something.
std::string text_of(double value) {
  std::ostringstream text;
  const double size = std::abs(value);
  text << std::fixed << std::setprecision(size >= 100 ? 0 : size >= 10 ? 1 : 2) << value;
  return text.str();
}

}  // namespace

double quantile(std::vector<double> values, double share) {
  if (values.empty()) return 0;
  const auto at = static_cast<std::size_t>(share * static_cast<double>(values.size() - 1) + 0.5);
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(at);
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

std::vector<Promise> read_promises(const std::string& file) {
  std::ifstream text(file);
  CHECK(bool(text));
  std::vector<Promise> promises;
  for (const auto& entry : nlohmann::json::parse(text)) {
    promises.push_back(Promise{entry.at("id"), entry.at("what"), entry.at("unit"), entry.at("how"),
                               entry.at("aim"), entry.at("at_least")});
  }
  return promises;
}

double Figures::median(const std::string& name) const {
  const auto found = rounds_.find(name);
  return found == rounds_.end() ? 0 : quantile(found->second, 0.5);
}

std::string Figures::spread(const std::string& name) const {
  const auto& values = rounds_.at(name);
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return text_of(median(name)) + " (" + text_of(*least) + " … " + text_of(*most) + ")";
}

void Figures::print(const std::vector<Promise>& promises, std::ostream& to) const {
  for (const auto& [name, values] : rounds_) {
    to << std::left << std::setw(64) << name << spread(name) << ", " << values.size()
       << " rounds\n";
  }
  to << "\n| | promise | aim | measured | | how |\n|---|---|---|---|---|---|\n";
  for (const Promise& promise : promises) {
    if (!rounds_.contains(promise.id)) continue;
    const double value = median(promise.id);
    const bool kept = promise.at_least ? value >= promise.aim : value <= promise.aim;
    to << "| " << promise.id << " | " << promise.what << " | " << (promise.at_least ? "≥ " : "≤ ")
       << text_of(promise.aim) << promise.unit << " | " << spread(promise.id) << " | "
       << (kept ? "kept" : "**missed**") << " | " << promise.how << " |\n";
  }
}

}  // namespace outboard::bench
