#include "fusefs/volume/publish_counts.h"

namespace outboard::fusefs {
namespace {

Labels with(Labels labels, const char* name, std::string_view value) {
  labels.emplace_back(name, value);
  return labels;
}

}  // namespace

void PublishCounts::answered(const Result<Applied>& answer) {
  if (!answer) return refused_[static_cast<std::size_t>(answer.error().code)].add();
  done_.add();
  if (answer->outcomes.empty()) return;
  const Outcome& content = answer->outcomes.front();
  if (content.conflict_copy) {
    beside_.add();
  } else if (content.merged) {
    merged_.add();
  } else if (content.conflict) {
    overwrote_.add();
  }
}

void PublishCounts::measure(Figures& to, const Labels& view) const {
  constexpr std::string_view kPublishes = "outboard_mount_publishes_total";
  constexpr std::string_view kPublishesAre =
      "Answers to publishes of written bytes: ok, or the refusal's code; one without an answer is "
      "sent again.";
  to.count(kPublishes, kPublishesAre, done_.value(), with(view, "answer", "ok"));
  for (std::size_t i = 0; i < kCodes; ++i) {
    const std::uint64_t refused = refused_[i].value();
    if (refused == 0) continue;
    to.count(kPublishes, kPublishesAre, refused,
             with(view, "answer", name_of(static_cast<Code>(i))));
  }
  constexpr std::string_view kConflicts = "outboard_mount_conflicts_total";
  constexpr std::string_view kConflictsAre =
      "Publishes between which and their base another came, by what became of the bytes: "
      "overwrote the other's, merged with them, beside the file, or refused.";
  to.count(kConflicts, kConflictsAre, overwrote_.value(), with(view, "end", "overwrote"));
  to.count(kConflicts, kConflictsAre, merged_.value(), with(view, "end", "merged"));
  to.count(kConflicts, kConflictsAre, beside_.value(), with(view, "end", "beside"));
  to.count(kConflicts, kConflictsAre, refused_[static_cast<std::size_t>(Code::conflict)].value(),
           with(view, "end", "refused"));
}

}  // namespace outboard::fusefs
