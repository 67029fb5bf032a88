#include <CLI/CLI.hpp>

#include "cli/admin_commands.h"
#include "cli/command_line.h"
#include "cli/doctor_command.h"
#include "cli/status_command.h"
#include "cli/token_commands.h"

namespace outboard::cli {
namespace {

void add_json(CLI::App* verb, bool& json) {
  verb->add_flag("--json", json, "Print JSON instead of a table");
}

void add_organisation_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* org = app.add_subcommand("org", "Organisations: who owns users and volumes");
  org->require_subcommand(1);

  auto name = std::make_shared<std::string>();
  CLI::App* create = org->add_subcommand("create", "Make an organisation (site administrator)");
  create->add_option("NAME", *name, "Lowercase letters, digits and hyphens")->required();
  create->footer("Example:\n  outboard org create acme");
  create->callback([&chosen, name] {
    chosen = [name](Context& context) { return create_organisation(context, *name); };
  });

  CLI::App* list = org->add_subcommand("list", "List the organisations that the token sees");
  add_json(list, json);
  list->footer("Example:\n  outboard org list --json");
  list->callback([&chosen] { chosen = list_organisations; });
}

void add_user_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* user = app.add_subcommand("user", "Users of an organisation");
  user->require_subcommand(1);

  auto name = std::make_shared<std::string>();
  CLI::App* create = user->add_subcommand("create", "Make a user");
  create->add_option("ORG/USER", *name, "As in acme/ada")->required();
  create->footer("Example:\n  outboard user create acme/ada");
  create->callback([&chosen, name] {
    chosen = [name](Context& context) { return create_user(context, *name); };
  });

  auto organisation = std::make_shared<std::string>();
  CLI::App* list = user->add_subcommand("list", "List the users of an organisation");
  list->add_option("ORG", *organisation, "Default: --org, OUTBOARD_ORG, or the only one");
  add_json(list, json);
  list->footer("Example:\n  outboard user list acme");
  list->callback([&chosen, organisation] {
    chosen = [organisation](Context& context) { return list_users(context, *organisation); };
  });
}

void add_volume_options(CLI::App* verb, const std::shared_ptr<VolumeOptions>& options) {
  verb->add_option("ORG/VOLUME", options->name, "As in acme/skills or acme/~ada/memory")
      ->required();
  verb->add_option("--policy", options->policy,
                   "When a file changed since its writer saw it: last-writer keeps both versions "
                   "in history, merge joins lines, refuse refuses");
  verb->add_option("--quota-bytes", options->quota_bytes, "As in 10GiB; 0 for none");
  verb->add_option("--quota-nodes", options->quota_nodes, "Files and directories; 0 for none");
  verb->add_option("--quota-versions", options->quota_versions,
                   "Kept versions of all files together; 0 for none");
  verb->add_option("--skill-lint", options->skill_lint,
                   "A SKILL.md that breaks the format's rules: off, warn or refuse; default: "
                   "refuse in a volume called skills");
  verb->add_option("--secret-scan", options->secret_scan,
                   "What looks like a key or a password: off (default), warn or refuse");
  verb->add_option("--ignore", options->ignored,
                   "Names that keep no history, as *.swp or __pycache__/; repeatable, all are "
                   "given anew; '' for none; a new volume gets the usual ones")
      ->allow_extra_args(false);
  verb->add_option("--mode", options->mode,
                   "direct: all see a change at once; reviewed: readers see what is published");
  verb->add_flag("--second-reviewer,!--no-second-reviewer", options->second_reviewer,
                 "Reviewed: nobody publishes what nobody else has approved");
  verb->add_option("--keep-versions", options->keep_versions,
                   "Versions of each file that are kept, the current one counted; 0 for all");
  verb->add_option("--keep-for", options->keep_for,
                   "How long old versions and the log are kept, as in 90d; 0 for ever");
  verb->add_option("--keep-bytes", options->keep_bytes,
                   "Of versions that are not current, all together, as in 5GiB; 0 for no limit");
  verb->add_flag("--strict,!--no-strict", options->strict,
                 "A publish returns only when no mount shows the old bytes");
}

void add_volume_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* volume = app.add_subcommand("volume", "Volumes: the file trees that are shared");
  volume->require_subcommand(1);

  auto fresh = std::make_shared<VolumeOptions>();
  CLI::App* create = volume->add_subcommand("create", "Make a volume");
  add_volume_options(create, fresh);
  create->footer("Example:\n  outboard volume create acme/memory --quota-bytes 10GiB");
  create->callback([&chosen, fresh] {
    chosen = [fresh](Context& context) { return create_volume(context, *fresh); };
  });

  auto known = std::make_shared<VolumeOptions>();
  CLI::App* set = volume->add_subcommand("set", "Change a volume; what is not given stays");
  add_volume_options(set, known);
  set->footer(
      "Example:\n  outboard volume set acme/memory --policy refuse\n"
      "  outboard volume set acme/skills --mode reviewed --second-reviewer");
  set->callback([&chosen, known] {
    chosen = [known](Context& context) { return change_volume(context, *known); };
  });

  auto organisation = std::make_shared<std::string>();
  CLI::App* list = volume->add_subcommand("list", "List the volumes of an organisation");
  list->add_option("ORG", *organisation, "Default: --org, OUTBOARD_ORG, or the only one");
  add_json(list, json);
  list->footer("Example:\n  outboard volume list acme");
  list->callback([&chosen, organisation] {
    chosen = [organisation](Context& context) { return list_volumes(context, *organisation); };
  });
}

void add_token_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* token = app.add_subcommand("token", "Tokens: what people, mounts and programs show");
  token->require_subcommand(1);

  auto options = std::make_shared<MintOptions>();
  CLI::App* mint = token->add_subcommand("mint", "Make a token; its secret is shown only once");
  mint->add_option("ORG/USER", options->user, "In whose name it acts, as in acme/ada")->required();
  mint->add_option("--grant", options->grants,
                   "A volume and a mode: acme/skills:ro, acme/memory:rw, acme/*:ro; a part of one: "
                   "acme/skills:/team:rw; its settings too: acme/skills:manage. Repeatable. "
                   "Without any it is bound: it may what `outboard grant` gives its user")
      ->allow_extra_args(false);
  mint->add_flag("--admin", options->admin, "May look after the organisation");
  mint->add_option("--life", options->life, "As in 90s, 15m, 12h, 30d; default 12h, at most 90d");
  mint->add_option("--to-file", options->to_file, "Write the secret there, mode 0600");
  add_json(mint, json);
  mint->footer(
      "Example:\n  outboard token mint acme/ada --grant acme/skills:ro --grant acme/memory:rw "
      "--to-file ada.token");
  mint->callback([&chosen, options] {
    chosen = [options](Context& context) { return mint_token(context, *options); };
  });

  auto organisation = std::make_shared<std::string>();
  auto all = std::make_shared<bool>(false);
  CLI::App* list = token->add_subcommand("list", "List the valid tokens of an organisation");
  list->add_option("ORG", *organisation, "Default: --org, OUTBOARD_ORG, or the only one");
  list->add_flag("--all", *all, "Revoked and expired ones too");
  add_json(list, json);
  list->footer("Example:\n  outboard token list acme --all");
  list->callback([&chosen, organisation, all] {
    chosen = [=](Context& context) { return list_tokens(context, *organisation, *all); };
  });

  auto id = std::make_shared<std::uint64_t>(0);
  CLI::App* revoke = token->add_subcommand("revoke", "End a token and those minted with it");
  revoke->add_option("ID", *id, "As `token list` shows it")->required();
  revoke->footer("Example:\n  outboard token revoke 17");
  revoke->callback(
      [&chosen, id] { chosen = [id](Context& context) { return revoke_token(context, *id); }; });
}

}  // namespace

void add_admin_verbs(CLI::App& app, Command& chosen, bool& json) {
  add_organisation_verbs(app, chosen, json);
  add_user_verbs(app, chosen, json);
  add_volume_verbs(app, chosen, json);
  add_token_verbs(app, chosen, json);
  CLI::App* status = app.add_subcommand("status", "Whether the server answers, and what it is");
  add_json(status, json);
  status->footer("Example:\n  outboard status --org acme");
  status->callback([&chosen] { chosen = show_status; });

  auto options = std::make_shared<DoctorOptions>();
  CLI::App* doctor =
      app.add_subcommand("doctor", "Looks at a deployment: what is wrong with it, and what to do");
  doctor->add_option("--control", options->control,
                     "Control socket of a mount on this machine, to look at it, too");
  add_json(doctor, json);
  doctor->footer(
      "The site administrator's token shows all. Exit codes: 0 nothing is wrong, 1 something is,\n"
      "3 the server is not reached.\n"
      "Example:\n  outboard doctor --token-file /var/lib/outboard/site.token");
  doctor->callback([&chosen, options] {
    chosen = [options](Context& context) { return examine(context, *options); };
  });
}

}  // namespace outboard::cli
