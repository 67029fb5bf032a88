#include "program/metrics/exporter.h"

#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/metric_family.h>

#include <map>

#include "core/limits.h"

namespace outboard::program {
namespace {

prometheus::MetricType type_of(Figure::Kind kind) {
  switch (kind) {
    case Figure::Kind::count: return prometheus::MetricType::Counter;
    case Figure::Kind::level: return prometheus::MetricType::Gauge;
    case Figure::Kind::spread: return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

prometheus::ClientMetric metric_of(const Figure& figure) {
  prometheus::ClientMetric metric;
  for (const auto& [name, value] : figure.labels) metric.label.push_back({name, value});
  metric.counter.value = figure.value;
  metric.gauge.value = figure.value;
  for (const auto& [bound, count] : figure.buckets)
    metric.histogram.bucket.push_back({count, bound});
  metric.histogram.sample_count = figure.spread_count;
  metric.histogram.sample_sum = figure.spread_sum;
  return metric;
}

class Sources final : public prometheus::Collectable {
 public:
  explicit Sources(std::vector<std::function<void(Figures&)>> sources)
      : sources_(std::move(sources)) {}

  std::vector<prometheus::MetricFamily> Collect() const override {
    Figures figures;
    for (const auto& source : sources_) source(figures);
    std::map<std::string, prometheus::MetricFamily> families;
    for (const Figure& figure : figures.all()) {
      auto& family = families[figure.name];
      family.name = figure.name;
      family.help = figure.help;
      family.type = type_of(figure.kind);
      family.metric.push_back(metric_of(figure));
    }
    std::vector<prometheus::MetricFamily> all;
    for (auto& [name, family] : families) all.push_back(std::move(family));
    return all;
  }

 private:
  const std::vector<std::function<void(Figures&)>> sources_;
};

}  // namespace

// exposer last: it ends before what it asks.
struct Exporter::Parts {
  Parts(const std::string& host, const std::string& port,
        std::vector<std::function<void(Figures&)>> given)
      : sources(std::make_shared<Sources>(std::move(given))),
        exposer(host + ":" + port, kMetricsThreads),
        address(host + ":" + std::to_string(exposer.GetListeningPorts().at(0))) {
    exposer.RegisterCollectable(sources);
  }
  std::shared_ptr<Sources> sources;
  prometheus::Exposer exposer;
  std::string address;
};

Result<std::unique_ptr<Exporter>> Exporter::start(
    const std::string& address, std::vector<std::function<void(Figures&)>> sources) {
  const std::size_t colon = address.rfind(':');
  std::string host = colon == std::string::npos ? "" : address.substr(0, colon);
  const std::string port = colon == std::string::npos ? address : address.substr(colon + 1);
  if (host.empty()) host = "127.0.0.1";
  if (port.empty() || port.find_first_not_of("0123456789") != std::string::npos) {
    return Error{Code::invalid,
                 "cannot show figures at \"" + address +
                     "\": write host:port, or a port of this machine alone",
                 address};
  }
  try {
    return std::unique_ptr<Exporter>(
        new Exporter(std::make_unique<Parts>(host, port, std::move(sources))));
  } catch (const std::exception& error) {
    return Error{Code::unavailable,
                 "cannot show figures at " + address + ": " + error.what() +
                     "; is the port taken, and is the host one of this machine's?",
                 address};
  }
}

Exporter::Exporter(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Exporter::~Exporter() = default;

const std::string& Exporter::address() const {
  return parts_->address;
}

}  // namespace outboard::program
