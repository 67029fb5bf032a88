#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/log_command.h"
#include "cli/memory_commands.h"
#include "cli/skills_commands.h"

namespace outboard::cli {
namespace {

void add_json(CLI::App* verb, bool& json) {
  verb->add_flag("--json", json, "Print JSON instead of a table");
}

void add_volume(CLI::App* verb, std::string& volume, const std::string& standard) {
  verb->add_option("--volume", volume,
                   "ORG/VOLUME; default: `" + standard + "` of the organisation that --org or " +
                       "OUTBOARD_ORG names, or of the only one that the token administers");
}

void add_push(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<PushOptions>();
  CLI::App* push = skills->add_subcommand("push", "Send skills to a volume; only what differs");
  push->add_option("FOLDER", options->folders,
                   "A skill (it holds a SKILL.md), or a folder of skills; repeatable")
      ->required();
  add_volume(push, options->volume, "skills");
  push->add_flag("--delete", options->remove,
                 "Remove there what is not here: files of the pushed skills and, where FOLDER is "
                 "a folder of skills, skills that are not in it");
  push->add_flag("--dry-run", options->dry_run, "Say what would be sent, send nothing");
  push->footer(
      "Every SKILL.md is linted first; one broken rule and nothing is sent. A skill arrives whole\n"
      "(up to 4,096 changes and 256 MiB at a time). Execute bits and symlinks are kept;\n"
      ".git, __pycache__, editors' swap and backup files are passed over.\n\n"
      "Example:\n  outboard skills push ./skills --delete --dry-run");
  push->callback([&chosen, options] {
    chosen = [options](Context& context) { return push_skills(context, *options); };
  });
}

void add_pull(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<PullOptions>();
  CLI::App* pull = skills->add_subcommand("pull", "Bring skills into a folder; only what differs");
  pull->add_option("FOLDER", options->folder, "Each skill becomes a folder in it")->required();
  pull->add_option("SKILL", options->names, "Which; default: all");
  add_volume(pull, options->volume, "skills");
  pull->add_flag("--delete", options->remove, "Remove here what the pulled skills do not have");
  pull->add_flag("--dry-run", options->dry_run, "Say what would be written, write nothing");
  pull->footer("Example:\n  outboard skills pull ./skills release-notes");
  pull->callback([&chosen, options] {
    chosen = [options](Context& context) { return pull_skills(context, *options); };
  });
}

void add_lint(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<LintOptions>();
  CLI::App* lint = skills->add_subcommand("lint", "Check skills against the format's rules");
  lint->add_option("FOLDER", options->folders,
                   "A skill, or a folder of skills; default: the skills of the volume");
  add_volume(lint, options->volume, "skills");
  lint->footer(
      "Example:\n  outboard skills lint ./skills\n  outboard skills lint --volume acme/skills");
  lint->callback([&chosen, options] {
    chosen = [options](Context& context) { return lint_skills(context, *options); };
  });
}

void add_skills_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* skills =
      app.add_subcommand("skills", "Skills: push, pull, list, check and publish them");
  skills->require_subcommand(1);
  add_push(skills, chosen);
  add_pull(skills, chosen);

  auto volume = std::make_shared<std::string>();
  CLI::App* list = skills->add_subcommand("list", "List the skills of a volume");
  add_volume(list, *volume, "skills");
  add_json(list, json);
  list->footer("Example:\n  outboard skills list --volume acme/skills");
  list->callback([&chosen, volume] {
    chosen = [volume](Context& context) { return list_skills(context, *volume); };
  });
  add_lint(skills, chosen);
  add_revision_verbs(skills, chosen, json);
}

void add_put(CLI::App* memory, Command& chosen) {
  auto options = std::make_shared<PutOptions>();
  CLI::App* put = memory->add_subcommand("put", "Write a file, whole and as one version");
  put->add_option("PATH", options->path, "In the volume; missing directories are made")->required();
  put->add_option("FILE", options->source, "What to write; default, and \"-\": standard input");
  add_volume(put, options->volume, "memory");
  put->add_option("--if-version", options->if_version,
                  "Only when the file is at this version; 0: only when there is none");
  put->add_flag("--append", options->append, "Add to the end, wherever that is by then");
  put->footer(
      "Example:\n  echo 'Deploys are on Tuesdays.' | outboard memory put team/deploys.md\n"
      "  outboard memory put team/deploys.md deploys.md --if-version 3");
  put->callback([&chosen, options] {
    chosen = [options](Context& context) { return put_file(context, *options); };
  });
}

void add_memory_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* memory = app.add_subcommand("memory", "Memory: list, read and write its files");
  memory->require_subcommand(1);

  auto listed = std::make_shared<ListOptions>();
  CLI::App* list = memory->add_subcommand("ls", "List a directory, with sizes and versions");
  list->add_option("PATH", listed->path, "Default: the volume's root");
  list->add_flag("-R,--recursive", listed->recursive, "With all that is below");
  add_volume(list, listed->volume, "memory");
  add_json(list, json);
  list->footer("Example:\n  outboard memory ls team");
  list->callback([&chosen, listed] {
    chosen = [listed](Context& context) { return list_files(context, *listed); };
  });

  auto shown = std::make_shared<CatOptions>();
  CLI::App* cat = memory->add_subcommand("cat", "Write a file's content to standard output");
  cat->add_option("PATH", shown->path, "In the volume")->required();
  cat->add_option("--version", shown->version, "An older version; default: the current one");
  add_volume(cat, shown->volume, "memory");
  cat->footer("Example:\n  outboard memory cat MEMORY.md --version 2");
  cat->callback([&chosen, shown] {
    chosen = [shown](Context& context) { return cat_file(context, *shown); };
  });

  add_put(memory, chosen);
}

void add_log_verb(CLI::App& app, Command& chosen, bool& json) {
  auto options = std::make_shared<LogOptions>();
  CLI::App* log = app.add_subcommand("log", "What happened in a volume, newest first");
  log->add_option("PATH", options->path, "Only this file or directory itself");
  add_volume(log, options->volume, "memory");
  log->add_option("--limit", options->limit, "Changes to show; default 20");
  log->add_option("--before", options->before, "Only changes ahead of this seq");
  log->add_option(
      "--since", options->since,
      "Only changes behind a seq (120), a while ago (90m) or a time in UTC (2026-01-31)");
  log->add_option("--author", options->author, "Only by this person or service");
  log->add_option("--session", options->session, "Only by this session of an agent");
  log->add_option("--op", options->op, "Only by this tool call of one");
  add_json(log, json);
  log->footer(
      "Example:\n  outboard log --volume acme/skills --limit 5\n"
      "  outboard log --since 12h --author ada");
  log->callback([&chosen, options] {
    chosen = [options](Context& context) { return show_log(context, *options); };
  });
}

}  // namespace

void add_file_verbs(CLI::App& app, Command& chosen, bool& json) {
  add_skills_verbs(app, chosen, json);
  add_memory_verbs(app, chosen, json);
  add_log_verb(app, chosen, json);
}

}  // namespace outboard::cli
