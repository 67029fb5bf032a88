// Figures: what was measured, round by round, held against the aims of bench/promises.json.
//
// A figure is the median of its rounds; ratios are made within a round, whose sides ran one after
// the other, so that what else the machine does falls on both.
#pragma once

#include <map>
#include <ostream>
#include <string>
#include <vector>

namespace outboard::bench {

struct Promise {
  std::string id;    // "P1"
  std::string what;  // as the table says it
  std::string unit;
  std::string how;  // how it is measured
  double aim = 0;
  bool at_least = false;  // else at most
};

std::vector<Promise> read_promises(const std::string& file);

class Figures {
 public:
  void add(const std::string& name, double value) { rounds_[name].push_back(value); }
  // Nothing measured: 0.
  double median(const std::string& name) const;
  // Every figure with its median and spread, then the promises as rows of docs/promises.md.
  void print(const std::vector<Promise>& promises, std::ostream& to) const;

 private:
  std::string spread(const std::string& name) const;

  std::map<std::string, std::vector<double>> rounds_;
};

// The value below which `share` (0 to 1) of them lie.
double quantile(std::vector<double> values, double share);

}  // namespace outboard::bench
