#include "cli/roster_commands.h"

#include <ostream>

#include "cli/amounts.h"
#include "cli/json_output.h"
#include "cli/table.h"

namespace outboard::cli {
namespace {

using Name = std::pair<std::string, std::string>;  // organisation, and what is in it

void say_done(Context& context, std::string_view what, std::string_view name) {
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, what) << " "
               << screen.paint(Colour::bold, printable(name)) << "\n";
}

std::string_view name_of(Mode mode) {
  switch (mode) {
    case Mode::read: return "ro";
    case Mode::write: return "rw";
    case Mode::manage: return "manage";
    case Mode::audit: return "audit";
    case Mode::administer: return "administer";
  }
  return "ro";
}

std::string text_of(const StandingGrant& grant) {
  if (grant.mode == Mode::audit || grant.mode == Mode::administer) {
    return std::string(name_of(grant.mode));
  }
  std::string text = grant.volumes;
  if (grant.prefix != "/") text += ":" + grant.prefix;
  return text + ":" + std::string(name_of(grant.mode));
}

std::string holder_of(const StandingGrant& grant) {
  return grant.to_group ? "group:" + grant.holder : grant.holder;
}

Result<StandingGrant> grant_from(const GrantOptions& options) {
  auto holder = parse_user(options.holder);
  if (!holder) return holder.error();
  StandingGrant grant;
  grant.organisation = holder->first;
  grant.holder = holder->second;
  constexpr std::string_view kGroup = "group:";
  grant.to_group = grant.holder.starts_with(kGroup);
  if (grant.to_group) grant.holder.erase(0, kGroup.size());
  const int kinds =
      (options.what.empty() ? 0 : 1) + (options.audit ? 1 : 0) + (options.administer ? 1 : 0);
  if (kinds != 1) {
    return Error{Code::invalid,
                 "say one thing to grant: volumes and a mode as in skills:ro, or --audit, or "
                 "--administer"};
  }
  grant.volumes = "*";
  grant.mode = options.audit ? Mode::audit : Mode::administer;
  if (options.what.empty()) return grant;
  auto what = split_grant(options.what);
  if (!what) return what.error();
  grant.volumes = what->volumes;
  grant.prefix = what->prefix;
  grant.mode = what->manage ? Mode::manage : what->write ? Mode::write : Mode::read;
  const std::string own = grant.organisation + "/";
  if (grant.volumes.starts_with(own)) grant.volumes.erase(0, own.size());
  return grant;
}

Result<Fate> parse_fate(const std::string& text) {
  if (text == "keep") return Fate::keep;
  if (text == "hand-over") return Fate::hand_over;
  if (text == "remove") return Fate::remove;
  return Error{Code::invalid,
               "\"" + text +
                   "\" says not what becomes of the user's own volumes: keep, hand-over "
                   "or remove",
               text};
}

void print_names(Screen& screen, std::string_view what, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    screen.out() << "  " << what << " " << printable(name) << "\n";
}

Json json_of(const Departure& departure) {
  return {{"done", departure.done},         {"code", departure.code},
          {"tokens", departure.tokens},     {"users", departure.users},
          {"sessions", departure.sessions}, {"bytes", departure.bytes},
          {"removed", departure.removed},   {"handed_over", departure.handed_over},
          {"kept", departure.kept}};
}

// Runs `ask(roster, organisation, name)` for "organisation/name" and says it is done.
template <class Ask>
Status with_named(Context& context, const std::string& text, std::string_view done, Ask ask) {
  auto name = parse_user(text);
  if (!name) return name.error();
  auto roster = context.roster();
  if (!roster) return roster.error();
  const auto answer = ask(**roster, *name);
  if (!answer) return answer.error();
  say_done(context, done, text);
  return success();
}

}  // namespace

Status create_group(Context& context, const std::string& group) {
  return with_named(context, group, "created group", [&](Roster& roster, const Name& name) {
    return roster.create_group(context.call(), name.first, name.second);
  });
}

Status remove_group(Context& context, const std::string& group) {
  return with_named(context, group, "removed group", [&](Roster& roster, const Name& name) {
    return roster.remove_group(context.call(), name.first, name.second);
  });
}

Status list_groups(Context& context, const std::string& organisation) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto groups = (*roster)->groups(context.call(), *owner);
  if (!groups) return groups.error();
  Json document = Json::array();
  Table table({{"GROUP", Align::left, Colour::bold}, {"CREATED"}, {"MEMBERS"}});
  for (const Group& one : *groups) {
    document.push_back(
        {{"name", one.name}, {"created", to_string(one.created)}, {"members", one.members}});
    std::string members;
    for (const std::string& member : one.members) members += (members.empty() ? "" : " ") + member;
    table.add({one.name, readable_time(one.created), members});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(),
                "No group yet: `outboard group create " + *owner + "/reviewers` makes one.");
  }
  return success();
}

Status add_member(Context& context, const std::string& group, const std::string& principal) {
  return with_named(context, group, "added " + principal + " to",
                    [&](Roster& roster, const Name& name) {
                      return roster.add_member(context.call(), name.first, name.second, principal);
                    });
}

Status remove_member(Context& context, const std::string& group, const std::string& principal) {
  return with_named(
      context, group, "removed " + principal + " from", [&](Roster& roster, const Name& name) {
        return roster.remove_member(context.call(), name.first, name.second, principal);
      });
}

Status create_service(Context& context, const std::string& service) {
  return with_named(context, service, "created service account",
                    [&](Roster& roster, const Name& name) {
                      return roster.create_service(context.call(), name.first, name.second);
                    });
}

Status list_services(Context& context, const std::string& organisation) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto services = (*roster)->services(context.call(), *owner);
  if (!services) return services.error();
  Json document = Json::array();
  Table table({{"SERVICE", Align::left, Colour::bold}, {"CREATED"}});
  for (const User& one : *services) {
    document.push_back({{"name", one.name}, {"created", to_string(one.created)}});
    table.add({one.name, readable_time(one.created)});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(), "No service account yet: `outboard service create " + *owner +
                                      "/builds` makes one.");
  }
  return success();
}

Status give_grant(Context& context, const GrantOptions& options) {
  auto grant = grant_from(options);
  if (!grant) return grant.error();
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto given = (*roster)->give(context.call(), *grant);
  if (!given) return given.error();
  say_done(context, "gave grant " + std::to_string(given->id) + " to",
           options.holder + ": " + text_of(*given));
  return success();
}

Status withdraw_grant(Context& context, const std::string& organisation, std::uint64_t id) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto gone = (*roster)->withdraw(context.call(), *owner, id);
  if (!gone) return gone;
  say_done(context, "withdrew grant", std::to_string(id));
  return success();
}

Status list_grants(Context& context, const std::string& organisation) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto grants = (*roster)->grants(context.call(), *owner);
  if (!grants) return grants.error();
  Json document = Json::array();
  Table table({{"ID", Align::right, Colour::bold}, {"HOLDER"}, {"MAY"}, {"GIVEN"}, {"BY"}});
  for (const StandingGrant& one : *grants) {
    document.push_back({{"id", one.id},
                        {"holder", one.holder},
                        {"to_group", one.to_group},
                        {"volumes", one.volumes},
                        {"prefix", one.prefix},
                        {"mode", name_of(one.mode)},
                        {"given_by", one.given_by},
                        {"created", to_string(one.created)}});
    table.add({std::to_string(one.id), holder_of(one), text_of(one), readable_time(one.created),
               one.given_by});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(),
                "No grant stands: `outboard grant give " + *owner + "/USER skills:ro` gives one.");
  }
  return success();
}

Status remove_user(Context& context, const LeaveOptions& options) {
  auto name = parse_user(options.user);
  if (!name) return name.error();
  auto fate = parse_fate(options.fate);
  if (!fate) return fate.error();
  if ((*fate == Fate::hand_over) == options.heir.empty()) {
    return Error{Code::invalid,
                 "--to names the user who gets the volumes: give it with --volumes "
                 "hand-over, and only then"};
  }
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto gone =
      (*roster)->remove_user(context.call(), name->first, name->second, *fate, options.heir);
  if (!gone) return gone.error();
  Screen& screen = context.screen();
  if (context.json()) {
    print_json(screen, json_of(*gone));
    return success();
  }
  say_done(context, "removed user", options.user);
  screen.out() << "  revoked " << gone->tokens << " tokens\n";
  print_names(screen, "removed", gone->removed);
  print_names(screen, "handed over, now", gone->handed_over);
  print_names(screen, "kept", gone->kept);
  return success();
}

Status remove_organisation(Context& context, const std::string& name, const std::string& code) {
  auto roster = context.roster();
  if (!roster) return roster.error();
  auto gone = (*roster)->remove_organisation(context.call(), name, code);
  if (!gone) return gone.error();
  Screen& screen = context.screen();
  if (context.json()) {
    print_json(screen, json_of(*gone));
    return success();
  }
  if (gone->done) {
    say_done(context, "removed organisation", name);
    return success();
  }
  screen.out() << "With " << screen.paint(Colour::bold, printable(name))
               << " would go, not to be undone: " << gone->users << " users, " << gone->tokens
               << " valid tokens, " << gone->sessions << " sessions, and " << gone->removed.size()
               << " volumes with " << readable_size(gone->bytes) << " and their history:\n";
  print_names(screen, "volume", gone->removed);
  screen.out() << "Nothing has been done. Within ten minutes:\n  outboard org remove "
               << printable(name) << " --code " << gone->code << "\n";
  return success();
}

}  // namespace outboard::cli
