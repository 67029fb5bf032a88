#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/search_command.h"
#include "cli/sync_command.h"
#include "cli/tree_commands.h"

namespace outboard::cli {
namespace {

void add_search_verb(CLI::App& app, Command& chosen, bool& json) {
  auto options = std::make_shared<SearchOptions>();
  CLI::App* search = app.add_subcommand("search", "Find text in the files of a volume");
  search
      ->add_option("VOLUME", options->place,
                   "ORG/VOLUME or VOLUME; with :PATH only what is at and below that path")
      ->required();
  search->add_option("PATTERN", options->pattern, "A regular expression (RE2), for each line")
      ->required();
  search->add_option("--path", options->glob,
                     "Only files whose name (\"*.md\") or path (\"notes/**\") is like this");
  search->add_flag("-F,--literal", options->literal, "PATTERN is text, not an expression");
  search->add_flag("-w,--words", options->words,
                   "PATTERN is words that must all occur in a file; \"a phrase\", -not-this");
  search->add_flag("-i,--ignore-case", options->ignore_case, "Letters match in either case");
  search->add_option("-C,--context", options->context, "Lines to show before and after each match");
  search->add_flag("-l,--files", options->files, "Only the paths of the files");
  search->add_flag("-c,--count", options->counts, "Only how many lines of each file match");
  search->add_option("--max", options->matches_max, "Matches to show in all; default 1000")
      ->check(CLI::Range(1U, 1'000'000U));
  search->add_option("--per-file", options->per_file_max, "Matches to show of one file");
  search->add_flag("--json", json, "Print JSON instead of lines");
  search->footer(
      "Files with a NUL byte and files over 16 MiB are passed over, and counted.\n\n"
      "Example:\n  outboard search memory 'deploy(s|ed)?' --path '*.md' -i\n"
      "  outboard search acme/memory:notes --words 'heron database'");
  search->callback([&chosen, options] {
    chosen = [options](Context& context) { return search_volume(context, *options); };
  });
}

void add_push_verb(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<TreePushOptions>();
  CLI::App* push = app.add_subcommand("push", "Send a tree to a volume; only what differs");
  push->add_option("SOURCE", options->source,
                   "A folder; a git repository's folder as REPO[//FOLDER][@REF]; or -, a tar "
                   "archive on standard input")
      ->required();
  push->add_option("VOLUME", options->place, "ORG/VOLUME or VOLUME, and :PATH for where in it")
      ->required();
  push->add_option("--exclude", options->excluded,
                   "Pass over names (\"*.log\") or paths (\"build/**\") like this; repeatable")
      ->take_all();
  push->add_flag("--all", options->clutter,
                 "With .git, __pycache__, editors' backups and the like");
  push->add_flag("--delete", options->remove, "Remove there what is not here");
  push->add_flag("--force", options->force, "Also over what somebody else changed meanwhile");
  push->add_flag("--dry-run", options->dry_run, "List what would be sent, send nothing");
  push->footer(
      "Modes, symlinks, hard links, empty directories and user.* attributes are kept; owners and\n"
      "times are not. Up to 4,096 changes and 256 MiB happen at once; a push that was interrupted\n"
      "goes on where it stopped. Between a folder and a volume is kept what they had in common, "
      "so\n"
      "that others' changes are not overwritten unseen.\n\n"
      "Example:\n  outboard push ./notes memory:notes --delete --dry-run\n"
      "  outboard push https://example.org/skills.git//skills@v2 skills\n"
      "  tar -C notes -c . | outboard push - memory:notes");
  push->callback([&chosen, options] {
    chosen = [options](Context& context) { return push_tree(context, *options); };
  });
}

void add_pull_verb(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<TreePullOptions>();
  CLI::App* pull = app.add_subcommand("pull", "Bring a tree from a volume; only what differs");
  pull->add_option("VOLUME", options->place, "ORG/VOLUME or VOLUME, and :PATH for a part of it")
      ->required();
  pull->add_option("FOLDER", options->folder, "Where to; -: a tar archive on standard output")
      ->required();
  pull->add_option("--exclude", options->excluded, "Pass over names or paths like this; repeatable")
      ->take_all();
  pull->add_flag("--delete", options->remove,
                 "Remove here what is gone there, unless it was changed here");
  pull->add_flag("--force", options->force, "Also over what was changed here");
  pull->add_flag("--dry-run", options->dry_run, "List what would be written, write nothing");
  pull->footer(
      "Example:\n  outboard pull memory:notes ./notes\n"
      "  outboard pull acme/skills - | tar -t");
  pull->callback([&chosen, options] {
    chosen = [options](Context& context) { return pull_tree(context, *options); };
  });
}

void add_sync_verb(CLI::App& app, Command& chosen) {
  auto options = std::make_shared<FolderSyncOptions>();
  CLI::App* sync = app.add_subcommand(
      "sync", "Keep a folder and a volume in step, both ways, where there is no FUSE");
  sync->add_option("VOLUME", options->place, "ORG/VOLUME or VOLUME, and :PATH for a part of it")
      ->required();
  sync->add_option("FOLDER", options->folder, "Made when it is not there")->required();
  sync->add_option("--exclude", options->excluded,
                   "Pass over names (\"*.log\") or paths (\"build/**\") like this; repeatable")
      ->take_all();
  sync->add_flag("--all", options->clutter,
                 "With .git, __pycache__, editors' backups and the like");
  sync->add_flag("--once", options->once, "One pass, then exit; else until SIGINT or SIGTERM");
  sync->add_flag("--accept-empty", options->accept_empty,
                 "A folder that was emptied empties the volume, too");
  sync->footer(
      "Changes there are put into the folder as they come, files whole; changes here are sent "
      "when\n"
      "their writers close them, with the version they were made from: what somebody else changed\n"
      "meanwhile is judged by the volume's policy, as for a mount. What was in step is kept in\n"
      "FOLDER/.outboard-sync. Execute bits and symlinks are kept; other modes, owners, times and\n"
      "attributes are not. With a token that may only read, nothing is sent.\n\n"
      "Example:\n  outboard sync memory:notes ./notes\n"
      "  outboard sync acme/skills ./skills --once");
  sync->callback([&chosen, options] {
    chosen = [options](Context& context) { return sync_folder(context, *options); };
  });
}

}  // namespace

void add_exchange_verbs(CLI::App& app, Command& chosen, bool& json) {
  add_search_verb(app, chosen, json);
  add_push_verb(app, chosen);
  add_pull_verb(app, chosen);
  add_sync_verb(app, chosen);
}

}  // namespace outboard::cli
