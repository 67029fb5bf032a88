// Verbs of who may do what: group, grant, service, login, export; and what user, org and token have
// to do with leaving and renewing.
#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/export_command.h"
#include "cli/roster_commands.h"
#include "cli/token_commands.h"

namespace outboard::cli {
namespace {

constexpr const char* kOrganisation = "Default: --org, OUTBOARD_ORG, or the only one";

// A verb that takes one name.
void add_named(CLI::App* parent, Command& chosen, const char* verb, const char* about,
               const char* what, const char* example,
               Status (*command)(Context&, const std::string&)) {
  auto name = std::make_shared<std::string>();
  CLI::App* added = parent->add_subcommand(verb, about);
  added->add_option(what, *name)->required();
  added->footer(std::string("Example:\n  ") + example);
  added->callback([&chosen, name, command] {
    chosen = [name, command](Context& context) { return command(context, *name); };
  });
}

// A verb that lists what an organisation has.
void add_list(CLI::App* parent, Command& chosen, bool& json, const char* about, const char* example,
              Status (*command)(Context&, const std::string&)) {
  auto organisation = std::make_shared<std::string>();
  CLI::App* list = parent->add_subcommand("list", about);
  list->add_option("ORG", *organisation, kOrganisation);
  list->add_flag("--json", json, "Print JSON instead of a table");
  list->footer(std::string("Example:\n  ") + example);
  list->callback([&chosen, organisation, command] {
    chosen = [=](Context& context) { return command(context, *organisation); };
  });
}

void add_member_verb(CLI::App* group, Command& chosen, const char* verb, const char* about,
                     const char* example,
                     Status (*command)(Context&, const std::string&, const std::string&)) {
  auto name = std::make_shared<std::string>();
  auto member = std::make_shared<std::string>();
  CLI::App* added = group->add_subcommand(verb, about);
  added->add_option("ORG/GROUP", *name, "As in acme/reviewers")->required();
  added->add_option("USER", *member, "A user or service account of the organisation")->required();
  added->footer(std::string("Example:\n  ") + example);
  added->callback([&chosen, name, member, command] {
    chosen = [=](Context& context) { return command(context, *name, *member); };
  });
}

void add_group_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* group = app.add_subcommand("group", "Groups of users, to give grants to");
  group->require_subcommand(1);
  add_named(group, chosen, "create", "Make a group", "ORG/GROUP",
            "outboard group create acme/reviewers", create_group);
  add_named(group, chosen, "remove", "Remove a group, with its grants", "ORG/GROUP",
            "outboard group remove acme/reviewers", remove_group);
  add_list(group, chosen, json, "List the groups and who is in them", "outboard group list acme",
           list_groups);
  add_member_verb(group, chosen, "add", "Put somebody into a group",
                  "outboard group add acme/reviewers ada", add_member);
  add_member_verb(group, chosen, "drop", "Take somebody out of a group",
                  "outboard group drop acme/reviewers ada", remove_member);
}

void add_grant_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* grant =
      app.add_subcommand("grant", "Standing grants: what users and groups may, until withdrawn");
  grant->require_subcommand(1);
  auto options = std::make_shared<GrantOptions>();
  CLI::App* give = grant->add_subcommand("give", "Give a grant to a user, service or group");
  give->add_option("HOLDER", options->holder, "ORG/USER or ORG/group:GROUP")->required();
  give->add_option("WHAT", options->what,
                   "Volumes, a path in them if only a part is meant, and ro, rw or manage: "
                   "skills:ro, 'team-*:rw', skills:/team:rw, '~@/*:rw' for the holder's own");
  give->add_flag("--audit", options->audit, "May read the log of every volume, and nothing else");
  give->add_flag("--administer", options->administer, "May look after the organisation");
  give->footer(
      "Example:\n  outboard grant give acme/group:reviewers skills:/team:rw\n"
      "  outboard grant give acme/ada '~@/*:rw'\n  outboard grant give acme/eve --audit");
  give->callback([&chosen, options] {
    chosen = [options](Context& context) { return give_grant(context, *options); };
  });
  add_list(grant, chosen, json, "List the standing grants", "outboard grant list acme",
           list_grants);
  auto organisation = std::make_shared<std::string>();
  auto id = std::make_shared<std::uint64_t>(0);
  CLI::App* withdraw =
      grant->add_subcommand("withdraw", "End a grant; live streams lose it within a second");
  withdraw->add_option("ID", *id, "As `grant list` shows it")->required();
  withdraw->add_option("ORG", *organisation, kOrganisation);
  withdraw->footer("Example:\n  outboard grant withdraw 7 acme");
  withdraw->callback([&chosen, organisation, id] {
    chosen = [=](Context& context) { return withdraw_grant(context, *organisation, *id); };
  });
}

void add_service_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* service = app.add_subcommand("service", "Service accounts: principals for programs");
  service->require_subcommand(1);
  add_named(service, chosen, "create", "Make a service account", "ORG/SERVICE",
            "outboard service create acme/builds", create_service);
  add_list(service, chosen, json, "List the service accounts", "outboard service list acme",
           list_services);
}

void add_leaving(CLI::App& app, Command& chosen, bool& json) {
  auto options = std::make_shared<LeaveOptions>();
  CLI::App* user = app.get_subcommand("user")->add_subcommand(
      "remove", "Remove a user or service account; its tokens end at once");
  user->add_option("ORG/USER", options->user, "As in acme/ada")->required();
  user->add_option("--volumes", options->fate,
                   "What becomes of the user's own (acme/~ada/…): keep, hand-over, or remove with "
                   "their history")
      ->required();
  user->add_option("--to", options->heir, "With hand-over: the user who gets them");
  user->add_flag("--json", json, "Print JSON");
  user->footer(
      "Example:\n  outboard user remove acme/ada --volumes hand-over --to bob\n"
      "  outboard export acme/ada --to ada && outboard user remove acme/ada --volumes remove");
  user->callback([&chosen, options] {
    chosen = [options](Context& context) { return remove_user(context, *options); };
  });

  auto name = std::make_shared<std::string>();
  auto code = std::make_shared<std::string>();
  CLI::App* org = app.get_subcommand("org")->add_subcommand(
      "remove", "Remove an organisation with all it has: first says what would go");
  org->add_option("NAME", *name)->required();
  org->add_option("--code", *code, "As the first step said: now do it");
  org->add_flag("--json", json, "Print JSON");
  org->footer("Example:\n  outboard org remove acme\n  outboard org remove acme --code CODE");
  org->callback([&chosen, name, code] {
    chosen = [=](Context& context) { return remove_organisation(context, *name, *code); };
  });

  auto person = std::make_shared<ExportOptions>();
  CLI::App* out = app.add_subcommand(
      "export", "Everything of one person: their own volumes as tar, their log as JSON lines");
  out->add_option("ORG/USER", person->user, "As in acme/ada")->required();
  out->add_option("--to", person->folder, "A folder; made when it is not there")->required();
  out->footer("Example:\n  outboard export acme/ada --to ada-2026");
  out->callback([&chosen, person] {
    chosen = [person](Context& context) { return export_person(context, *person); };
  });
}

void add_signing_in(CLI::App& app, Command& chosen, bool& json) {
  auto from = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  CLI::App* login =
      app.add_subcommand("login", "A token for whom an OIDC ID token speaks of; needs none before");
  login->add_option("--oidc-token-file", *from, "Holds the ID token; - reads standard input")
      ->required();
  login->add_option("--to-file", *to, "Write the secret there, mode 0600");
  login->add_flag("--json", json, "Print JSON");
  login->footer("Example:\n  outboard login --oidc-token-file id.jwt --to-file ~/.outboard-token");
  login->callback([&chosen, from, to] {
    chosen = [=](Context& context) { return log_in(context, *from, *to); };
  });

  auto id = std::make_shared<std::uint64_t>(0);
  auto life = std::make_shared<std::string>();
  CLI::App* renew = app.get_subcommand("token")->add_subcommand(
      "renew", "Another life for a token that came of yours; its secret stays");
  renew->add_option("ID", *id, "As `token list` shows it")->required();
  renew->add_option("--life", *life, "From now, as in 12h; at most as long as its parent's");
  renew->footer("Example:\n  outboard token renew 17 --life 12h");
  renew->callback([&chosen, id, life] {
    chosen = [=](Context& context) { return renew_token(context, *id, *life); };
  });
}

}  // namespace

void add_access_verbs(CLI::App& app, Command& chosen, bool& json) {
  add_group_verbs(app, chosen, json);
  add_grant_verbs(app, chosen, json);
  add_service_verbs(app, chosen, json);
  add_leaving(app, chosen, json);
  add_signing_in(app, chosen, json);
}

}  // namespace outboard::cli
