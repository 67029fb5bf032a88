#include "cli/admin_commands.h"

#include <algorithm>
#include <ostream>

#include "cli/amounts.h"
#include "cli/json_output.h"
#include "cli/table.h"
#include "core/ignored.h"

namespace outboard::cli {
namespace {

void say_done(Context& context, std::string_view what, std::string_view name) {
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, what) << " "
               << screen.paint(Colour::bold, printable(name)) << "\n";
}

// One a line; a single empty one is none.
std::string lines_of(const std::vector<std::string>& patterns) {
  std::string lines;
  for (const std::string& pattern : patterns) {
    if (pattern.empty() && patterns.size() == 1) break;
    lines += (lines.empty() ? "" : "\n") + pattern;
  }
  return lines;
}

// "direct", or what readers of a reviewed volume see: "reviewed, revision 7".
std::string mode_text(const Volume& volume) {
  if (volume.mode == VolumeMode::direct) return "direct";
  if (volume.revision == 0) return "reviewed, nothing published";
  return "reviewed, revision " + std::to_string(volume.revision);
}

// `from` with what the options change.
Result<VolumeSettings> settings_from(VolumeSettings from, const VolumeOptions& options) {
  if (options.policy) {
    auto policy = parse_policy(*options.policy);
    if (!policy) return policy.error();
    from.policy = *policy;
  }
  if (options.quota_bytes) {
    auto bytes = parse_size(*options.quota_bytes);
    if (!bytes) return bytes.error();
    from.quota_bytes = *bytes;
  }
  if (options.quota_nodes) from.quota_nodes = *options.quota_nodes;
  if (options.quota_versions) from.quota_versions = *options.quota_versions;
  if (options.strict) from.strict = *options.strict;
  if (options.skill_lint) {
    auto lint = parse_strictness(*options.skill_lint);
    if (!lint) return lint.error();
    from.skill_lint = *lint;
  }
  if (options.secret_scan) {
    auto scan = parse_strictness(*options.secret_scan);
    if (!scan) return scan.error();
    from.secret_scan = *scan;
  }
  if (options.ignored) from.ignored = lines_of(*options.ignored);
  if (options.mode) {
    auto mode = parse_mode(*options.mode);
    if (!mode) return mode.error();
    from.mode = *mode;
  }
  if (options.second_reviewer) from.second_reviewer = *options.second_reviewer;
  if (options.keep_versions) from.retention.versions = *options.keep_versions;
  if (options.keep_for == "0") {
    from.retention.seconds = 0;
  } else if (options.keep_for) {
    auto age = parse_duration(*options.keep_for);
    if (!age) return age.error();
    from.retention.seconds = static_cast<std::uint64_t>(age->count());
  }
  if (options.keep_bytes) {
    auto bytes = parse_size(*options.keep_bytes);
    if (!bytes) return bytes.error();
    from.retention.bytes = *bytes;
  }
  return from;
}

std::string used_of(std::uint64_t used, std::uint64_t quota, bool bytes) {
  std::string text = bytes ? readable_size(used) : std::to_string(used);
  if (quota != 0) text += " of " + (bytes ? readable_size(quota) : std::to_string(quota));
  return text;
}

}  // namespace

Status create_organisation(Context& context, const std::string& name) {
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto made = (*admin)->create_organisation(context.call(), name);
  if (!made) return made.error();
  say_done(context, "created organisation", made->name);
  return success();
}

Status list_organisations(Context& context) {
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto all = (*admin)->organisations(context.call());
  if (!all) return all.error();
  Json document = Json::array();
  Table table({{"ORGANISATION", Align::left, Colour::bold}, {"CREATED"}});
  for (const Organisation& one : *all) {
    document.push_back({{"name", one.name}, {"created", to_string(one.created)}});
    table.add({one.name, readable_time(one.created)});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(), "No organisation yet: `outboard org create NAME` makes one.");
  }
  return success();
}

Status create_user(Context& context, const std::string& user) {
  auto name = parse_user(user);
  if (!name) return name.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto made = (*admin)->create_user(context.call(), name->first, name->second);
  if (!made) return made.error();
  say_done(context, "created user", made->organisation + "/" + made->name);
  return success();
}

Status list_users(Context& context, const std::string& organisation) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto all = (*admin)->users(context.call(), *owner);
  if (!all) return all.error();
  Json document = Json::array();
  Table table({{"USER", Align::left, Colour::bold}, {"CREATED"}});
  for (const User& one : *all) {
    document.push_back({{"organisation", one.organisation},
                        {"name", one.name},
                        {"created", to_string(one.created)}});
    table.add({one.organisation + "/" + one.name, readable_time(one.created)});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(),
                "No user yet: `outboard user create " + *owner + "/NAME` makes one.");
  }
  return success();
}

Status create_volume(Context& context, const VolumeOptions& options) {
  VolumeSettings fresh;
  fresh.ignored = kUsualIgnored;
  auto settings = settings_from(std::move(fresh), options);
  if (!settings) return settings.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto made = (*admin)->create_volume(context.call(), options.name, *settings);
  if (!made) return made.error();
  say_done(context, "created volume", made->name);
  return success();
}

namespace {

// The volume as its administrator sees it, or as whoever manages it does.
Result<Volume> known_volume(Context& context, Admin& admin, const std::string& name) {
  const std::string organisation = name.substr(0, name.find('/'));
  auto all = admin.volumes(context.call(), organisation);
  if (!all && all.error().code == Code::no_access) {
    auto store = context.store();
    if (!store) return store.error();
    return (*store)->open_volume(context.call(), name);
  }
  if (!all) return all.error();
  const auto found =
      std::find_if(all->begin(), all->end(), [&](const Volume& one) { return one.name == name; });
  if (found != all->end()) return *found;
  return Error{Code::not_found,
               "there is no volume \"" + name + "\": `outboard volume list " + organisation +
                   "` shows those there are",
               name};
}

}  // namespace

Status change_volume(Context& context, const VolumeOptions& options) {
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto known = known_volume(context, **admin, options.name);
  if (!known) return known.error();
  auto settings = settings_from(settings_of(*known), options);
  if (!settings) return settings.error();
  auto changed = (*admin)->change_volume(context.call(), options.name, *settings);
  if (!changed) return changed.error();
  say_done(context, "changed volume", changed->name);
  return success();
}

Status list_volumes(Context& context, const std::string& organisation) {
  auto owner = context.organisation(organisation);
  if (!owner) return owner.error();
  auto admin = context.admin();
  if (!admin) return admin.error();
  auto all = (*admin)->volumes(context.call(), *owner);
  if (!all) return all.error();
  Json document = Json::array();
  Table table({{"VOLUME", Align::left, Colour::bold},
               {"USED", Align::right},
               {"NODES", Align::right},
               {"SEQ", Align::right},
               {"CONFLICTS"},
               {"MODE"}});
  for (const Volume& one : *all) {
    document.push_back({{"name", one.name},
                        {"policy", name_of(one.policy)},
                        {"strict", one.strict},
                        {"used_bytes", one.used_bytes},
                        {"quota_bytes", one.quota_bytes},
                        {"used_nodes", one.used_nodes},
                        {"quota_nodes", one.quota_nodes},
                        {"keep_versions", one.retention.versions},
                        {"keep_seconds", one.retention.seconds},
                        {"keep_bytes", one.retention.bytes},
                        {"pruned_seq", one.pruned.value},
                        {"used_versions", one.used_versions},
                        {"quota_versions", one.quota_versions},
                        {"seq", one.head.value},
                        {"skill_lint", name_of(one.skill_lint)},
                        {"secret_scan", name_of(one.secret_scan)},
                        {"ignored", one.ignored},
                        {"mode", name_of(one.mode)},
                        {"second_reviewer", one.second_reviewer},
                        {"published", one.published.value},
                        {"revision", one.revision}});
    table.add({one.name, used_of(one.used_bytes, one.quota_bytes, true),
               used_of(one.used_nodes, one.quota_nodes, false), to_string(one.head),
               std::string(name_of(one.policy)) + (one.strict ? ", strict" : ""), mode_text(one)});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(),
                "No volume yet: `outboard volume create " + *owner + "/skills` makes one.");
  }
  return success();
}

}  // namespace outboard::cli
