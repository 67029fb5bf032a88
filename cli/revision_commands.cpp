#include "cli/revision_commands.h"

#include <algorithm>
#include <ostream>
#include <sstream>

#include "cli/file_diff.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "cli/tree_diff.h"
#include "core/limits.h"

namespace outboard::cli {
namespace {

// What every one of these begins with.
struct Bench {
  Volume volume;
  Revisions& revisions;
};

Result<Bench> bench_of(Context& context, const std::string& named) {
  auto volume = context.open_volume(named, "skills");
  if (!volume) return volume.error();
  auto revisions = context.revisions();
  if (!revisions) return revisions.error();
  return Bench{std::move(*volume), **revisions};
}

std::string name_of(const Revision& revision) {
  const std::string number = "revision " + std::to_string(revision.number);
  return revision.name.empty() ? number : number + " (" + revision.name + ")";
}

std::string_view name_of(RevisionState state) {
  switch (state) {
    case RevisionState::in_review: return "in review";
    case RevisionState::approved: return "approved";
    case RevisionState::rejected: return "rejected";
    case RevisionState::published: return "published";
  }
  return "unknown";
}

void say(Context& context, std::string_view what, const Revision& revision,
         const std::string& rest) {
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, what) << " "
               << screen.paint(Colour::bold, printable(name_of(revision))) << rest << "\n";
}

Json json_of(const Revision& one) {
  return {{"number", one.number},
          {"name", one.name},
          {"seq", one.seq.value},
          {"state", name_of(one.state)},
          {"kept", one.kept},
          {"message", one.message},
          {"author", one.author},
          {"submitted", to_string(one.submitted)},
          {"reviewer", one.reviewer},
          {"remark", one.remark},
          {"publisher", one.publisher},
          {"published", one.published.nanoseconds == 0 ? "" : to_string(one.published)}};
}

std::string octal(std::uint32_t mode) {
  std::ostringstream text;
  text << std::oct << mode;
  return text.str();
}

std::string_view name_of(const Difference& change) {
  if (!change.before) return "A";
  return change.after ? "M" : "D";
}

std::string sign_of(const Screen& screen, const Difference& change) {
  if (!change.before) return screen.paint(Colour::green, "A");
  if (!change.after) return screen.paint(Colour::red, "D");
  return screen.paint(Colour::yellow, "M");
}

// What the lines of a file do not show: another kind of node, another mode, a symlink's target.
void print_difference(Screen& screen, const Difference& change) {
  const Node& node = change.after ? *change.after : *change.before;
  screen.out() << sign_of(screen, change) << " " << printable(change.path)
               << (node.is(Kind::directory) ? "/" : "");
  if (node.is(Kind::symlink)) screen.out() << " -> " << printable(node.target);
  if (change.before && change.after &&
      change.before->attributes.mode != change.after->attributes.mode) {
    screen.out() << ", mode " << octal(change.before->attributes.mode) << " -> "
                 << octal(change.after->attributes.mode);
  }
  screen.out() << "\n";
}

Status print_lines(Context& context, Store& store, const Volume& volume,
                   const std::vector<Difference>& changes) {
  for (const Difference& change : changes) {
    const bool both = change.before && change.after;
    const bool lines = (has_lines(change.before) || has_lines(change.after)) &&
                       !(both && same_content(*change.before, *change.after));
    const bool modes = both && change.before->attributes.mode != change.after->attributes.mode;
    if (!lines || modes) print_difference(context.screen(), change);
    if (!lines) continue;
    if (auto shown = print_file_diff(context, store, volume, change); !shown) return shown;
  }
  return success();
}

void print_differences(Screen& screen, const std::vector<Difference>& changes) {
  for (const Difference& change : changes) {
    const Node& node = change.after ? *change.after : *change.before;
    screen.out() << sign_of(screen, change) << " " << printable(change.path)
                 << (node.is(Kind::directory) ? "/" : "") << "\n";
  }
}

Result<Seq> apply_all(Context& context, Store& store, VolumeId volume, std::vector<Step> steps) {
  Seq last;
  for (std::size_t at = 0; at < steps.size();) {
    Batch batch;
    std::uint64_t bytes = 0;
    while (at < steps.size() && batch.steps.size() < kBatchStepsMax) {
      bytes += bytes_of(steps[at].op);
      if (!batch.steps.empty() && bytes > kBatchBytesMax) break;
      batch.steps.push_back(std::move(steps[at++]));
    }
    context.name(batch);
    auto applied = store.apply(context.call(), volume, batch);
    if (!applied) return applied.error();
    last = std::max(last, applied->last);
  }
  return last;
}

}  // namespace

Status submit_revision(Context& context, const SubmitOptions& options) {
  auto bench = bench_of(context, options.volume);
  if (!bench) return bench.error();
  auto made =
      bench->revisions.submit(context.call(), bench->volume.id, {options.name, options.message});
  if (!made) return made.error();
  say(context, "submitted", *made,
      " of " + printable(bench->volume.name) + ", its tree as of seq " + to_string(made->seq) +
          ": `outboard skills review " + std::to_string(made->number) + " --approve` is next");
  return success();
}

Status review_revision(Context& context, const ReviewOptions& options) {
  auto bench = bench_of(context, options.volume);
  if (!bench) return bench.error();
  auto done = bench->revisions.review(context.call(), bench->volume.id, options.number,
                                      options.approve, options.remark);
  if (!done) return done.error();
  say(context, options.approve ? "approved" : "rejected", *done,
      options.approve
          ? ": `outboard skills publish " + std::to_string(done->number) + "` shows it to all"
          : "");
  return success();
}

Status publish_revision(Context& context, const PublishOptions& options) {
  auto bench = bench_of(context, options.volume);
  if (!bench) return bench.error();
  auto done = bench->revisions.publish(context.call(), bench->volume.id, options.number,
                                       {options.name, options.message});
  if (!done) return done.error();
  say(context, "published", *done,
      " of " + printable(bench->volume.name) + ": all readers see seq " + to_string(done->seq));
  return success();
}

Status list_revisions(Context& context, const std::string& named, std::uint32_t limit) {
  auto bench = bench_of(context, named);
  if (!bench) return bench.error();
  auto all = bench->revisions.list(context.call(), bench->volume.id, 0, limit);
  if (!all) return all.error();
  Json document = Json::array();
  Table table({{"REVISION", Align::right, Colour::bold},
               {"NAME"},
               {"STATE"},
               {"SEQ", Align::right},
               {"AUTHOR", Align::left, Colour::cyan},
               {"SUBMITTED"},
               {"REVIEWER", Align::left, Colour::cyan},
               {"MESSAGE", Align::left, Colour::dim}});
  for (const Revision& one : *all) {
    document.push_back(json_of(one));
    const bool current = one.number == bench->volume.revision;
    std::string state(current ? "readers see it" : name_of(one.state));
    if (!one.kept) state += ", not kept";
    table.add({std::to_string(one.number), one.name.empty() ? "-" : one.name, state,
               to_string(one.seq), one.author, readable_time(one.submitted),
               one.reviewer.empty() ? "-" : one.reviewer, one.message});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(), "No revision of " + bench->volume.name +
                                      " yet: `outboard skills submit` makes one of the head.");
  }
  return success();
}

Status diff_revisions(Context& context, const RevisionDiffOptions& options) {
  auto volume = context.open_volume(options.volume, "skills");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto before =
      tree_of(context, **store, *volume, options.from.empty() ? "published" : options.from);
  if (!before) return before.error();
  auto after = tree_of(context, **store, *volume, options.to.empty() ? "head" : options.to);
  if (!after) return after.error();
  const auto changes = differences(*before, *after);
  if (context.json()) {
    Json document = Json::array();
    for (const Difference& change : changes) {
      document.push_back({{"path", change.path}, {"what", name_of(change)}});
    }
    print_json(context.screen(), document);
    return success();
  }
  if (!options.names) return print_lines(context, **store, *volume, changes);
  print_differences(context.screen(), changes);
  return success();
}

Status pin_token(Context& context, const PinOptions& options) {
  auto bench = bench_of(context, options.volume);
  if (!bench) return bench.error();
  auto done =
      bench->revisions.pin(context.call(), bench->volume.id, options.token, options.revision);
  if (!done) return done.error();
  say(context, "pinned token " + std::to_string(options.token) + " to", *done,
      " of " + printable(bench->volume.name) + ": it sees that tree for its life");
  return success();
}

Status roll_back(Context& context, const RollbackOptions& options) {
  auto bench = bench_of(context, options.volume);
  if (!bench) return bench.error();
  auto store = context.store();
  if (!store) return store.error();
  auto head = tree_of(context, **store, bench->volume, "head");
  if (!head) return head.error();
  auto wanted = tree_of(context, **store, bench->volume, options.revision);
  if (!wanted) return wanted.error();
  const auto changes = differences(*head, *wanted);
  Screen& screen = context.screen();
  if (options.dry_run) {
    print_differences(screen, changes);
    screen.out() << "would change " << counted(changes.size(), "path")
                 << " and publish; nothing was changed (--dry-run)\n";
    return success();
  }
  if (!changes.empty()) {
    auto steps = steps_to(context, **store, bench->volume.id, changes);
    if (!steps) return steps.error();
    auto applied = apply_all(context, **store, bench->volume.id, *std::move(steps));
    if (!applied) return applied.error();
  }
  const std::string message =
      options.message.empty() ? "roll back to " + options.revision : options.message;
  if (bench->volume.second_reviewer) {
    auto made = bench->revisions.submit(context.call(), bench->volume.id, {"", message});
    if (!made) return made.error();
    say(context, "submitted", *made,
        ", the tree of " + printable(options.revision) +
            ": somebody else reviews it, then `outboard "
            "skills publish " +
            std::to_string(made->number) + "` shows it to all");
    return success();
  }
  auto done = bench->revisions.publish(context.call(), bench->volume.id, 0, {"", message});
  if (!done) return done.error();
  say(context, "rolled back:", *done,
      " has the tree of " + printable(options.revision) + ", " + counted(changes.size(), "path") +
          " changed; all readers see it");
  return success();
}

}  // namespace outboard::cli
