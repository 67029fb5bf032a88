#include "core/counters.h"

namespace outboard {

void Spread::observe(double value) {
  std::size_t index = 0;
  while (index < kBounds && value > bound(index)) ++index;
  counts_[index].add();
  sum_.fetch_add(value, std::memory_order_relaxed);
}

double Spread::bound(std::size_t index) const {
  return first_ * static_cast<double>(std::uint64_t{1} << index);
}

std::uint64_t Spread::at_most(std::size_t index) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i <= index; ++i) total += counts_[i].value();
  return total;
}

std::uint64_t Spread::count() const {
  return at_most(kBounds);
}

void Figures::count(std::string_view name, std::string_view help, std::uint64_t value,
                    Labels labels) {
  figures_.push_back({Figure::Kind::count, std::string(name), std::string(help), std::move(labels),
                      static_cast<double>(value)});
}

void Figures::level(std::string_view name, std::string_view help, double value, Labels labels) {
  figures_.push_back(
      {Figure::Kind::level, std::string(name), std::string(help), std::move(labels), value});
}

void Figures::spread(std::string_view name, std::string_view help, const Spread& values,
                     Labels labels) {
  Figure figure{Figure::Kind::spread, std::string(name), std::string(help), std::move(labels)};
  for (std::size_t i = 0; i < Spread::kBounds; ++i) {
    figure.buckets.emplace_back(values.bound(i), values.at_most(i));
  }
  figure.spread_count = values.count();
  figure.spread_sum = values.sum();
  figures_.push_back(std::move(figure));
}

}  // namespace outboard
