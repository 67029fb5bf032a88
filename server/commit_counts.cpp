#include "server/commit_counts.h"

namespace outboard::server {

void CommitCounts::group(std::size_t batches, std::chrono::nanoseconds took) {
  group_batches_.observe(static_cast<double>(batches));
  group_seconds_.observe(std::chrono::duration<double>(took).count());
}

void CommitCounts::answered(const Result<Applied>& answer) {
  if (!answer) {
    refused_[static_cast<std::size_t>(answer.error().code)].add();
  } else {
    (answer->repeated ? repeated_ : applied_).add();
  }
}

void CommitCounts::measure(Figures& to) const {
  to.spread("outboard_commit_group_batches", "Batches that shared one transaction.",
            group_batches_);
  to.spread("outboard_commit_seconds", "From the first try of a group to its answers.",
            group_seconds_);
  constexpr const char* kName = "outboard_batches_total";
  constexpr const char* kHelp =
      "Batches answered: ok, repeated (a retry that had happened already), or the refusal's code.";
  to.count(kName, kHelp, applied_.value(), {{"answer", "ok"}});
  to.count(kName, kHelp, repeated_.value(), {{"answer", "repeated"}});
  for (std::size_t i = 0; i < kCodes; ++i) {
    to.count(kName, kHelp, refused_[i].value(),
             {{"answer", std::string(name_of(static_cast<Code>(i)))}});
  }
}

}  // namespace outboard::server
