#include <CLI/CLI.hpp>

#include "cli/audit_commands.h"
#include "cli/command_line.h"

namespace outboard::cli {
namespace {

void add_json(CLI::App* verb, bool& json) {
  verb->add_flag("--json", json, "Print JSON instead of words");
}

void add_verify(CLI::App* audit, Command& chosen, bool& json) {
  auto options = std::make_shared<VerifyOptions>();
  CLI::App* verify = audit->add_subcommand("verify", "Whether a volume's log is as it was written");
  verify->add_option("ORG/VOLUME", options->volume, "As in acme/skills");
  verify->add_flag("--refusals", options->refusals,
                   "The record of refused attempts instead (site administrator)");
  verify->add_flag("--contents", options->contents, "The kept bytes too, against the log");
  verify->add_option("--after", options->after, "Only what is behind this seq");
  verify->add_option("--expect", options->expect,
                     "A seal that an earlier run printed: it must still be there");
  add_json(verify, json);
  verify->footer(
      "Example:\n  outboard audit verify acme/skills --contents\n\n"
      "Keep the printed seal somewhere else: whoever can write the database can make every seal\n"
      "anew, but not to one that you have.");
  verify->callback([&chosen, options] {
    chosen = [options](Context& context) { return verify_audit(context, *options); };
  });
}

}  // namespace

void add_audit_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* audit = app.add_subcommand("audit", "What was done, refused and read (administrator)");
  audit->require_subcommand(1);
  add_verify(audit, chosen, json);

  auto refused = std::make_shared<RefusedOptions>();
  CLI::App* refusals = audit->add_subcommand("refused", "Attempts that were turned away");
  refusals->add_option("ORG", refused->organisation,
                       "Default: --org, OUTBOARD_ORG, or the only one");
  refusals->add_option("--limit", refused->limit, "How many to show, newest first; default 20");
  add_json(refusals, json);
  refusals->footer("Example:\n  outboard audit refused acme --limit 100");
  refusals->callback([&chosen, refused] {
    chosen = [refused](Context& context) { return list_refused(context, *refused); };
  });

  auto read = std::make_shared<ReadsOptions>();
  CLI::App* reads = audit->add_subcommand("reads", "Which files were read, by whom, how often");
  reads->add_option("PATH", read->path, "Only this file, or what is below this directory");
  reads->add_option("--volume", read->volume, "ORG/VOLUME; default: skills of the organisation");
  reads->add_option("--days", read->days, "Today and so many days before; default 30");
  reads->add_option("--limit", read->limit, "How many to show, most read first; default 50");
  add_json(reads, json);
  reads->footer(
      "Example:\n  outboard audit reads release-notes --days 7\n\n"
      "What a mount's kernel still has is not asked for again and not counted; lists and pulls of\n"
      "many files are not counted either.");
  reads->callback([&chosen, read] {
    chosen = [read](Context& context) { return list_reads(context, *read); };
  });
}

}  // namespace outboard::cli
