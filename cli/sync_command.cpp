#include "cli/sync_command.h"

#include <ostream>

#include "cli/exclusions.h"
#include "cli/local_tree.h"
#include "cli/place.h"
#include "cli/stop_signals.h"
#include "cli/sync/sync.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

using sync::Event;
using sync::Happened;

bool is_clutter_path(std::string_view path) {
  for (const std::string_view name : components_of(path)) {
    if (is_clutter(name)) return true;
  }
  return false;
}

// What is done stands on standard output, what a person has to look at on the other.
void show(Screen& screen, const Event& event) {
  const std::string path = printable(event.path);
  const std::string note = event.note.empty() ? "" : "  (" + printable(event.note) + ")";
  switch (event.what) {
    case Happened::sent: screen.out() << "> " << path << note << "\n"; break;
    case Happened::brought: screen.out() << "< " << path << note << "\n"; break;
    case Happened::removed_there: screen.out() << "> removed " << path << "\n"; break;
    case Happened::removed_here: screen.out() << "< removed " << path << "\n"; break;
    case Happened::kept_beside:
      screen.err() << "! " << path << " was changed here and there; one of them is "
                   << printable(event.note) << "\n";
      break;
    case Happened::overridden:
      screen.err() << "! " << path << " was changed there too; that version is in its history\n";
      break;
    case Happened::refused:
      screen.err() << "! " << path << " is not in step" << note << "\n";
      break;
    case Happened::passed_over:
      screen.err() << "! " << path << " is passed over" << note << "\n";
      break;
    case Happened::waiting:
      screen.err() << "waiting for the server: " << printable(event.note) << "\n";
      break;
  }
  screen.out() << std::flush;
}

}  // namespace

Status sync_folder(Context& context, const FolderSyncOptions& options) {
  auto excluded = Exclusions::compile(options.excluded);
  if (!excluded) return excluded.error();
  const StopSignals signals;  // before the store's threads are
  auto place = open_place(context, options.place);
  if (!place) return place.error();
  auto store = context.store();
  if (!store) return store.error();
  Screen& screen = context.screen();
  sync::SyncOptions with;
  with.part = place->path;
  with.accept_empty = options.accept_empty;
  with.passes_over = [&excluded, clutter = options.clutter](std::string_view path) {
    return excluded->take(path) || (!clutter && is_clutter_path(path));
  };
  std::size_t refused = 0;
  with.tell = [&screen, &refused](const Event& event) {
    show(screen, event);
    refused += event.what == Happened::refused ? 1U : 0U;
  };
  with.timeout = context.timeout();
  with.stop = signals.stop();
  auto opened = sync::FolderSync::open(**store, place->volume, context.server().client(),
                                       context.clock(), options.folder, std::move(with));
  if (!opened) return opened.error();
  if (!options.once) return (*opened)->run();
  if (auto started = (*opened)->start(); !started) return started;
  auto done = (*opened)->catch_up_once();
  if (done && signals.stop()->requested()) {
    return Error{Code::timed_out, "it was stopped before the two were in step: run it again"};
  }
  if (!done || refused == 0 || place->volume.read_only) return done;
  return Error{Code::invalid,
               counted(refused, "path") + " could not be brought in step; they stand above"};
}

}  // namespace outboard::cli
