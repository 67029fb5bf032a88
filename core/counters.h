// Counters: what a part of the program counts about itself, and Figures: what it says when asked.
//
// A part owns its Counters and Spreads as plain members, adds to them where something happens (one
// line, no lock) and has a `measure(Figures&)` that says all of them, with what it knows only at
// the moment: the length of a queue, connections in use. program/metrics turns Figures into what
// Prometheus reads. No part knows who asks, or whether anybody does.
//
// Any thread may add and read. A reader sees each number as of some moment near, not all as of one.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace outboard {

// Only rises.
class Counter {
 public:
  void add(std::uint64_t more = 1) { value_.fetch_add(more, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// How values are spread: a count for each power of two above `first`. Nineteen of them reach from
// 50 µs to 13 s, or from 1 to 262,144.
class Spread {
 public:
  static constexpr std::size_t kBounds = 19;

  explicit Spread(double first) : first_(first) {}
  void observe(double value);

  double bound(std::size_t index) const;           // the largest value that `index` counts
  std::uint64_t at_most(std::size_t index) const;  // values up to its bound
  std::uint64_t count() const;                     // all values
  double sum() const { return sum_.load(std::memory_order_relaxed); }

 private:
  const double first_;
  std::array<Counter, kBounds + 1> counts_;  // the last: beyond every bound
  std::atomic<double> sum_{0};
};

// The first bound of a Spread of durations, in seconds.
inline constexpr double kDurationBoundMin = 50e-6;

using Labels = std::vector<std::pair<std::string, std::string>>;

// One figure as of now. Names and units as Prometheus wants them: outboard_commits_total.
struct Figure {
  enum class Kind { count, level, spread };
  Kind kind = Kind::level;
  std::string name;
  std::string help;  // a sentence
  Labels labels;
  double value = 0;                                         // of a count or level
  std::vector<std::pair<double, std::uint64_t>> buckets{};  // of a spread: bound, values up to it
  std::uint64_t spread_count = 0;
  double spread_sum = 0;
};

class Figures {
 public:
  void count(std::string_view name, std::string_view help, std::uint64_t value, Labels labels = {});
  void level(std::string_view name, std::string_view help, double value, Labels labels = {});
  void spread(std::string_view name, std::string_view help, const Spread& values,
              Labels labels = {});
  const std::vector<Figure>& all() const { return figures_; }

 private:
  std::vector<Figure> figures_;
};

}  // namespace outboard
