// restore, redact and gc: what changes the past's meaning for the present.
#include <algorithm>
#include <ostream>

#include "cli/past_commands.h"
#include "cli/table.h"
#include "core/limits.h"
#include "core/path.h"
#include "core/undo.h"

namespace outboard::cli {
namespace {

Result<UndoQuery> query_of(Context& context, Store& store, const Volume& volume,
                           const RestoreOptions& options, const std::string& path) {
  UndoQuery query;
  query.path = path;
  query.force = options.force;
  if (!options.to.empty()) {
    auto seq = parse_moment(context, store, volume, options.to);
    if (!seq) return seq.error();
    query.as_of = *seq;
    return query;
  }
  const std::string& text = options.session.empty() ? options.op : options.session;
  const auto id = parse_uuid(text);
  if (!id) {
    return Error{Code::invalid, "\"" + text + "\" is no id: `outboard log --json` shows them whole",
                 text};
  }
  if (options.session.empty()) query.op = OpId{*id};
  if (options.op.empty()) query.session = SessionId{*id};
  return query;
}

// One file to one of its versions.
Result<UndoPlan> plan_version(Context& context, Store& store, const Volume& volume,
                              const std::string& path, Version version) {
  auto now = store.attributes(context.call(), volume.id, NodeRef{path});
  if (!now) {
    Error error = now.error();
    if (error.code == Code::not_found) {
      error.message = "there is no " + path + " now: `outboard restore " + path.substr(1) +
                      " --to SEQ` brings back what stood there";
    }
    return error;
  }
  Restore op;
  op.inode = now->value.inode;
  op.version = version;
  Precondition when;
  when.version = now->value.version;
  UndoPlan plan;
  plan.steps.push_back({UndoKind::content, path, Step{std::move(op), when}});
  return plan;
}

void print_plan(Context& context, const UndoPlan& plan) {
  Table table({{"WHAT", Align::left, Colour::cyan}, {"PATH", Align::left, Colour::bold}});
  for (const UndoStep& step : plan.steps) {
    table.add({std::string(name_of(step.kind)), step.path});
  }
  table.print(context.screen(), "Nothing to restore: it is as it was.");
  Screen& screen = context.screen();
  for (const UndoConflict& one : plan.conflicts) {
    screen.err() << screen.paint_error(Colour::yellow, "left alone") << " " << printable(one.path)
                 << ": " << printable(one.why) << " (--force restores it all the same)\n";
  }
}

// Batch by batch, each whole or not at all.
Status carry_out(Context& context, Store& store, const Volume& volume, const UndoPlan& plan) {
  std::size_t done = 0;
  while (done < plan.steps.size()) {
    const std::size_t end = std::min(plan.steps.size(), done + kBatchStepsMax);
    Batch batch;
    for (std::size_t i = done; i < end; ++i) batch.steps.push_back(plan.steps[i].step);
    context.name(batch);
    auto applied = store.apply(context.call(), volume.id, batch);
    if (!applied) {
      Error error = applied.error();
      const std::size_t at = std::min(done + error.step, plan.steps.size() - 1);
      error.message = "at " + plan.steps[at].path + ": " + error.message;
      if (done > 0) error.message += " (" + counted(done, "step") + " before it were done)";
      return error;
    }
    done = end;
  }
  return success();
}

Result<std::string> checked(const std::string& typed) {
  std::string path = (typed.starts_with('/') ? "" : "/") + typed;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (auto good = check_path(path); !good) return good.error();
  return path;
}

}  // namespace

Status restore_files(Context& context, const RestoreOptions& options) {
  const int chosen = (options.version ? 1 : 0) + (options.to.empty() ? 0 : 1) +
                     (options.session.empty() ? 0 : 1) + (options.op.empty() ? 0 : 1);
  if (chosen != 1) {
    return Error{Code::invalid, "say what to go back to: one of --version, --to, --session, --op"};
  }
  auto path = checked(options.path);
  if (!path) return path.error();
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  Result<UndoPlan> plan = UndoPlan{};
  if (options.version) {
    plan = plan_version(context, **store, *volume, *path, Version{*options.version});
  } else {
    auto query = query_of(context, **store, *volume, options, *path);
    if (!query) return query.error();
    plan = plan_undo(
        **store, [&] { return context.call(); }, volume->id, *query);
  }
  if (!plan) return plan.error();
  print_plan(context, *plan);
  if (options.dry_run || plan->steps.empty()) return success();
  if (auto done = carry_out(context, **store, *volume, *plan); !done) return done;
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, "restored") << " "
               << counted(plan->steps.size(), "change") << " in " << printable(volume->name)
               << "\n";
  return success();
}

Status redact_file(Context& context, const RedactOptions& options) {
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  Inode inode{options.inode.value_or(0)};
  std::string what = "node " + to_string(inode);
  if (!inode) {
    auto path = checked(options.path);
    if (!path) return path.error();
    auto found = (*store)->attributes(context.call(), volume->id, NodeRef{*path});
    if (!found) {
      Error error = found.error();
      error.message += " (of a removed file give --inode, as `outboard log --json` shows it)";
      return error;
    }
    inode = found->value.inode;
    what = *path;
  }
  what = (options.version ? "version " + std::to_string(*options.version) : "all versions") +
         " of " + what + " in " + volume->name;
  if (!options.yes) {
    return Error{Code::invalid, "this takes the bytes of " + what +
                                    " away for good, from every mount too: say --yes to do it"};
  }
  Batch batch;
  batch.steps.push_back(Step{Redact{inode, Version{options.version.value_or(0)}}, {}});
  context.name(batch);
  auto applied = (*store)->apply(context.call(), volume->id, batch);
  if (!applied) return applied.error();
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, "redacted") << " " << printable(what) << ", seq "
               << to_string(applied->last) << "\n";
  return success();
}

Status collect_volume(Context& context, const std::string& volume) {
  auto named = context.open_volume(volume, "memory");
  if (!named) return named.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto collected = (*admin)->collect(context.call(), named->name);
  if (!collected) return collected.error();
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, "collected") << " "
               << counted(collected->versions, "version") << " (" << readable_size(collected->bytes)
               << ") and " << counted(collected->changes, "change") << " of "
               << printable(named->name) << "; its log begins behind seq "
               << to_string(collected->pruned) << "\n";
  return success();
}

}  // namespace outboard::cli
