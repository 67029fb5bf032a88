#include "fusefs/volume/sibling_runs.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard::fusefs {
namespace {

// Directories, large files and files that are here lie between.
constexpr std::size_t kSoon = 8;

}  // namespace

std::vector<const Child*> SiblingRuns::behind(Order order, const std::string& name,
                                              const Places& places, std::size_t most) {
  std::vector<const Child*> found;
  if (order == Order::listing) {
    auto [at, end] = places.equal_range(place_of(name));
    while (at != end && at->second.name != name) ++at;
    if (at != end) ++at;
    for (; at != places.end() && found.size() < most; ++at) found.push_back(&at->second);
    return found;
  }
  if (places.size() > kSiblingNamesMax) return found;
  for (const auto& [place, child] : places) {
    if (child.name > name) found.push_back(&child);
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(most, found.size()));
  std::ranges::partial_sort(found, found.begin() + count, {}, &Child::name);
  found.resize(static_cast<std::size_t>(count));
  return found;
}

SiblingRuns::Run& SiblingRuns::run_of(Inode directory, const std::string& name) {
  const auto known = std::ranges::find(runs_, directory, &Run::directory);
  Run run = known == runs_.end() ? Run{directory, name, 0} : *known;
  if (known != runs_.end()) runs_.erase(known);
  runs_.push_front(std::move(run));
  if (runs_.size() > kSiblingRunsMax) runs_.pop_back();
  return runs_.front();
}

std::vector<Inode> SiblingRuns::next(Inode directory, const std::string& name, const Places& places,
                                     const Wanted& wanted) {
  Run& run = run_of(directory, name);
  std::vector<Inode> found;
  for (const Order order : {Order::listing, Order::names}) {
    const auto soon = behind(order, run.last, places, kSoon);
    if (std::ranges::find(soon, name, &Child::name) == soon.end()) continue;
    run.files = std::clamp(run.files * 2, kSiblingFilesFirst, kSiblingFilesMax);
    run.last = name;
    std::uint64_t bytes = 0;
    for (const Child* child : behind(order, name, places, run.files)) {
      const auto size = wanted(child->inode);
      bytes += size.value_or(0);
      if (bytes > kSiblingBytesMax) break;
      run.last = child->name;
      if (size) found.push_back(child->inode);
    }
    return found;
  }
  run.last = name;
  run.files = 0;
  return found;
}

}  // namespace outboard::fusefs
