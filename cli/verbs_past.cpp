#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/past_commands.h"

namespace outboard::cli {
namespace {

constexpr const char* kWhen =
    "a seq of `outboard log` (120), how long ago (90m, 12h, 3d), or a time in UTC (2026-01-31, "
    "2026-01-31T12:00:00)";

void add_volume(CLI::App* verb, std::string& volume) {
  verb->add_option("--volume", volume,
                   "ORG/VOLUME; default: `memory` of the organisation that --org or OUTBOARD_ORG "
                   "names, or of the only one that the token administers");
}

void add_show(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<ShowOptions>();
  CLI::App* show = app.add_subcommand("show", "Write a file as it was to standard output");
  show->add_option("PATH", options->path, "In the volume")->required();
  auto* version = show->add_option("--version", options->version, "This version of the file there");
  show->add_option("--as-of", options->as_of, std::string("The file that stood there: ") + kWhen)
      ->excludes(version);
  add_volume(show, options->volume);
  show->footer(
      "Example:\n  outboard show team/deploys.md --as-of 12h\n"
      "  outboard show team/deploys.md --version 3");
  show->callback([&chosen, options] {
    chosen = [options](Context& context) { return show_file(context, *options); };
  });
}

void add_diff(CLI::App& app, Command& chosen, bool& json) {
  auto options = std::make_shared<DiffOptions>();
  CLI::App* diff = app.add_subcommand("diff", "What changed in a volume between two points");
  diff->add_option("FROM", options->from, kWhen)->required();
  diff->add_option("TO", options->to, "The same; default: now");
  diff->add_option("--path", options->path, "Only at and below this path");
  diff->add_flag("--names", options->names, "Only which files: A added, M changed, D removed");
  diff->add_flag("--json", json, "Print JSON: which files");
  add_volume(diff, options->volume);
  diff->footer(
      "Example:\n  outboard diff 12h --names\n"
      "  outboard diff 120 140 --path team --volume acme/memory");
  diff->callback([&chosen, options] {
    chosen = [options](Context& context) { return show_diff(context, *options); };
  });
}

void add_restore(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<RestoreOptions>();
  CLI::App* restore = app.add_subcommand("restore", "Make files again what they were");
  restore->add_option("PATH", options->path, "A file or a tree; default: the whole volume");
  restore->add_option("--version", options->version, "The file's content of this version");
  restore->add_option("--to", options->to, std::string("Everything as it was: ") + kWhen);
  restore->add_option("--session", options->session, "Undo all that this session wrote");
  restore->add_option("--op", options->op, "Undo all that this tool call wrote");
  restore->add_flag("--force", options->force,
                    "Also what others have changed since; else that is left alone, and said");
  restore->add_flag("--dry-run", options->dry_run, "Say what would be done, do nothing");
  add_volume(restore, options->volume);
  restore->footer(
      "Removed files and trees come back as what they were, with their history. Nothing is lost: "
      "a\n"
      "restore is a change as any other, and can be undone by another. Up to 4,096 steps happen\n"
      "whole or not at all.\n\n"
      "Example:\n  outboard restore team/deploys.md --version 3\n"
      "  outboard restore team --to 12h --dry-run\n"
      "  outboard restore --session 0b6c1b36-5b0f-4b52-8d2b-2f9e3a1c7d10");
  restore->callback([&chosen, options] {
    chosen = [options](Context& context) { return restore_files(context, *options); };
  });
}

void add_redact(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<RedactOptions>();
  CLI::App* redact = app.add_subcommand("redact", "Purge bytes that must not be kept");
  auto* path = redact->add_option("PATH", options->path, "The file");
  redact->add_option("--inode", options->inode, "The file by its number, when it was removed")
      ->excludes(path);
  redact->add_option("--version", options->version, "Only this version; default: all there are");
  redact->add_flag("--yes", options->yes, "Do it: it cannot be undone");
  add_volume(redact, options->volume);
  redact->footer(
      "The bytes and their digest go from the store and from every mount's caches; reading them\n"
      "fails from then on. Without --version so does what its extended attributes were, which can "
      "be\n"
      "done to a directory, too. That they were there stays in the log. Administrators only. "
      "Backups\n"
      "of the database are not reached.\n\n"
      "Example:\n  outboard redact notes/keys.md --version 2 --yes");
  redact->callback([&chosen, options] {
    chosen = [options](Context& context) { return redact_file(context, *options); };
  });
}

void add_collect(CLI::App& app, Command& chosen) {
  auto volume = std::make_shared<std::string>();
  CLI::App* collect =
      app.add_subcommand("gc", "Apply a volume's retention now; the server does so by itself");
  add_volume(collect, *volume);
  collect->footer(
      "What `outboard volume set --keep-versions`, `--keep-for` and `--keep-bytes` let go, goes;\n"
      "nothing that is current, and nothing younger than an hour.\n\n"
      "Example:\n  outboard gc --volume acme/memory");
  collect->callback([&chosen, volume] {
    chosen = [volume](Context& context) { return collect_volume(context, *volume); };
  });
}

}  // namespace

void add_past_verbs(CLI::App& app, Command& chosen, bool& json) {
  add_show(app, chosen);
  add_diff(app, chosen, json);
  add_restore(app, chosen);
  add_redact(app, chosen);
  add_collect(app, chosen);
}

}  // namespace outboard::cli
