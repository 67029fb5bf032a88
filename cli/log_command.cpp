#include "cli/log_command.h"

#include <algorithm>
#include <ostream>

#include "cli/json_output.h"
#include "cli/past_commands.h"
#include "cli/table.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

std::string what_of(const Change& change) {
  std::string what(name_of(change.kind));
  if (change.kind == ChangeKind::create && change.node.is(Kind::directory)) what = "mkdir";
  if (change.kind == ChangeKind::create && change.node.is(Kind::symlink)) what = "symlink";
  if (change.conflict) what += " (conflict)";
  if (change.redacted) what += " (redacted)";
  if (change.warned) what += " (warned)";
  return what;
}

// A person, or what a person's session did in its turn.
std::string who_of(const Origin& origin) {
  std::string who = origin.principal;
  if (origin.session) who += " " + to_string(origin.session).substr(0, 8);
  if (origin.turn != 0) who += "#" + std::to_string(origin.turn);
  return who;
}

std::string path_of(const Change& change) {
  std::string path = change.path;
  if (change.kind == ChangeKind::rename && change.before && change.after) {
    path = change.before->name + " -> " + path;
  }
  return path;
}

Result<Uuid> id_of(const std::string& text) {
  const auto id = parse_uuid(text);
  if (id) return *id;
  return Error{Code::invalid, "\"" + text + "\" is no id: `outboard log --json` shows them whole",
               text};
}

Result<HistoryQuery> query_of(Context& context, Store& store, const Volume& volume,
                              const LogOptions& options) {
  HistoryQuery query;
  query.before = Seq{options.before};
  query.principal = options.author;
  if (!options.path.empty()) {
    const std::string path = (options.path.starts_with('/') ? "" : "/") + options.path;
    if (auto good = check_path(path); !good) return good.error();
    query.node = path;
  }
  if (!options.since.empty()) {
    auto seq = parse_moment(context, store, volume, options.since);
    if (!seq) return seq.error();
    query.after = *seq;
  }
  if (!options.session.empty()) {
    auto id = id_of(options.session);
    if (!id) return id.error();
    query.session = SessionId{*id};
  }
  if (!options.op.empty()) {
    auto id = id_of(options.op);
    if (!id) return id.error();
    query.op = OpId{*id};
  }
  return query;
}

Result<std::vector<Change>> read_log(Context& context, Store& store, const Volume& volume,
                                     const LogOptions& options) {
  auto asked = query_of(context, store, volume, options);
  if (!asked) return asked.error();
  HistoryQuery query = *std::move(asked);
  std::vector<Change> changes;
  while (changes.size() < options.limit) {
    const std::size_t missing = options.limit - changes.size();
    query.limit = static_cast<std::uint32_t>(std::min<std::size_t>(missing, kPageEntriesMax));
    auto page = store.history(context.call(), volume.id, query);
    if (!page) return page.error();
    if (page->value.empty()) break;
    query.before = page->value.back().seq;
    for (Change& change : page->value) changes.push_back(std::move(change));
  }
  return changes;
}

}  // namespace

Json json_of(const Change& change) {
  Json one = {{"seq", change.seq.value},
              {"at", to_string(change.at)},
              {"principal", change.origin.principal},
              {"what", name_of(change.kind)},
              {"path", change.path},
              {"inode", change.node.inode.value},
              {"version", change.node.version.value},
              {"size", change.node.attributes.size},
              {"conflict", change.conflict},
              {"redacted", change.redacted},
              {"warned", change.warned}};
  if (change.kind == ChangeKind::rename && change.before) one["from"] = change.before->name;
  if (change.origin.session) one["session"] = to_string(change.origin.session);
  if (change.origin.turn != 0) one["turn"] = change.origin.turn;
  if (change.origin.op) one["op"] = to_string(change.origin.op);
  if (change.node.digest) one["sha256"] = to_string(*change.node.digest);
  return one;
}

Status show_log(Context& context, const LogOptions& options) {
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto changes = read_log(context, **store, *volume, options);
  if (!changes) return changes.error();
  Json document = Json::array();
  Table table({{"SEQ", Align::right, Colour::yellow},
               {"TIME", Align::left, Colour::dim},
               {"WHO", Align::left, Colour::cyan},
               {"WHAT"},
               {"VERSION", Align::right},
               {"SIZE", Align::right},
               {"PATH", Align::left, Colour::bold}});
  for (const Change& change : *changes) {
    if (context.json()) document.push_back(json_of(change));
    const bool file = change.node.is(Kind::file) && change.kind != ChangeKind::unlink;
    table.add({to_string(change.seq), readable_time(change.at), who_of(change.origin),
               what_of(change), file ? to_string(change.node.version) : "-",
               file ? readable_size(change.node.attributes.size) : "-", path_of(change)});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) table.print(context.screen(), "Nothing has happened here yet.");
  return success();
}

}  // namespace outboard::cli
