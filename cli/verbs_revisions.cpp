// The verbs of `skills` that make a reviewed volume's head what its readers see.
#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/revision_commands.h"

namespace outboard::cli {
namespace {

void add_volume(CLI::App* verb, std::string& volume) {
  verb->add_option("--volume", volume, "ORG/VOLUME; default: `skills` of the organisation");
}

void add_submit(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<SubmitOptions>();
  CLI::App* submit = skills->add_subcommand("submit", "Submit the head as a revision for review");
  submit->add_option("--name", options->name, "Letters, digits and hyphens, as in spring-cleaning");
  submit->add_option("-m,--message", options->message, "What changed, for the reviewer");
  add_volume(submit, options->volume);
  submit->footer("Example:\n  outboard skills submit --name on-call -m 'New escalation path'");
  submit->callback([&chosen, options] {
    chosen = [options](Context& context) { return submit_revision(context, *options); };
  });
}

void add_review(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<ReviewOptions>();
  CLI::App* review = skills->add_subcommand("review", "Approve or reject a submitted revision");
  review->add_option("NUMBER", options->number, "As `skills revisions` shows it")->required();
  CLI::Option_group* verdict = review->add_option_group("verdict");
  verdict->add_flag("--approve", options->approve, "It may be published");
  auto reject = std::make_shared<bool>(false);
  verdict->add_flag("--reject", *reject, "It may not");
  verdict->require_option(1);
  review->add_option("--remark", options->remark, "For its author");
  add_volume(review, options->volume);
  review->footer(
      "Example:\n  outboard skills diff published 7\n  outboard skills review 7 --approve");
  review->callback([&chosen, options, reject] {
    chosen = [options](Context& context) { return review_revision(context, *options); };
  });
}

void add_publish(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<PublishOptions>();
  CLI::App* publish =
      skills->add_subcommand("publish", "Show a revision to all readers, in all sandboxes at once");
  publish->add_option("NUMBER", options->number, "Default: the head, submitted and published");
  publish->add_option("--name", options->name, "Of the new revision, when the head is published");
  publish->add_option("-m,--message", options->message, "As --name: what changed");
  add_volume(publish, options->volume);
  publish->footer("Example:\n  outboard skills publish 7");
  publish->callback([&chosen, options] {
    chosen = [options](Context& context) { return publish_revision(context, *options); };
  });
}

void add_revisions(CLI::App* skills, Command& chosen, bool& json) {
  auto volume = std::make_shared<std::string>();
  auto limit = std::make_shared<std::uint32_t>(20);
  CLI::App* list = skills->add_subcommand("revisions", "List the revisions, newest first");
  add_volume(list, *volume);
  list->add_option("--limit", *limit, "How many; default 20");
  list->add_flag("--json", json, "Print JSON instead of a table");
  list->footer("Example:\n  outboard skills revisions --volume acme/skills");
  list->callback([&chosen, volume, limit] {
    chosen = [=](Context& context) { return list_revisions(context, *volume, *limit); };
  });
}

void add_diff(CLI::App* skills, Command& chosen, bool& json) {
  auto options = std::make_shared<RevisionDiffOptions>();
  CLI::App* diff = skills->add_subcommand("diff", "What differs between two revisions");
  diff->add_option("FROM", options->from,
                   "Number, name, `published` or `head`; default: published");
  diff->add_option("TO", options->to, "Likewise; default: head");
  diff->add_flag("--names", options->names, "Only which paths: A added, M changed, D removed");
  diff->add_flag("--json", json, "Print JSON: which paths");
  add_volume(diff, options->volume);
  diff->footer("Example:\n  outboard skills diff 6 7 --names");
  diff->callback([&chosen, options] {
    chosen = [options](Context& context) { return diff_revisions(context, *options); };
  });
}

void add_pin(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<PinOptions>();
  CLI::App* pin = skills->add_subcommand("pin", "Let a token see one revision for its life");
  pin->add_option("REVISION", options->revision, "Its number or name")->required();
  pin->add_option("--token", options->token, "As `token list` shows it")->required();
  add_volume(pin, options->volume);
  pin->footer("Example:\n  outboard skills pin 6 --token 17");
  pin->callback([&chosen, options] {
    chosen = [options](Context& context) { return pin_token(context, *options); };
  });
}

void add_rollback(CLI::App* skills, Command& chosen) {
  auto options = std::make_shared<RollbackOptions>();
  CLI::App* back =
      skills->add_subcommand("rollback", "Publish the tree of an earlier revision anew");
  back->add_option("REVISION", options->revision, "Its number or name")->required();
  back->add_option("-m,--message", options->message, "Why");
  back->add_flag("--dry-run", options->dry_run, "Say what would change, change nothing");
  add_volume(back, options->volume);
  back->footer(
      "What was changed since stays in the history; the head becomes that tree by new changes,\n"
      "and they are published as one revision.\n\nExample:\n  outboard skills rollback 6 "
      "--dry-run");
  back->callback([&chosen, options] {
    chosen = [options](Context& context) { return roll_back(context, *options); };
  });
}

}  // namespace

void add_revision_verbs(CLI::App* skills, Command& chosen, bool& json) {
  add_submit(skills, chosen);
  add_review(skills, chosen);
  add_publish(skills, chosen);
  add_revisions(skills, chosen, json);
  add_diff(skills, chosen, json);
  add_pin(skills, chosen);
  add_rollback(skills, chosen);
}

}  // namespace outboard::cli
