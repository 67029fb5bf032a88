// show and diff: files as they were.
#include <algorithm>
#include <map>
#include <ostream>

#include "cli/file_diff.h"
#include "cli/json_output.h"
#include "cli/past_commands.h"
#include "cli/remote_tree.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

ReadAt as_of(Seq seq) {
  ReadAt at;
  at.as_of = seq;
  return at;
}

// A node that was changed between the two points, as it was at each.
struct Compared {
  std::string path;
  std::optional<Node> from;
  std::optional<Node> to;
};

class Comparison {
 public:
  Comparison(Context& context, Store& store, const Volume& volume, Seq from, Seq to)
      : context_(context), store_(store), volume_(volume), from_(from), to_(to) {}

  // What was changed at and below `path`, by path.
  Result<std::map<std::string, Compared>> run(const std::string& path) {
    std::map<Inode, std::string> touched;
    HistoryQuery query;
    query.after = from_;
    query.before = Seq{to_.value + 1};
    query.newest_first = false;
    query.limit = kPageEntriesMax;
    for (;;) {
      auto page = store_.history(context_.call(), volume_.id, query);
      if (!page) return page.error();
      for (const Change& change : page->value) {
        if (!is_within(change.path, path)) continue;
        touched[change.node.inode] = change.path;
        if (change.other) touched.emplace(change.other->inode, change.path);
      }
      if (page->value.size() < query.limit) break;
      query.after = page->value.back().seq;
    }
    std::map<std::string, Compared> found;
    for (const auto& [inode, last_path] : touched) {
      auto from = node_at(inode, from_);
      if (!from) return from.error();
      auto to = node_at(inode, to_);
      if (!to) return to.error();
      Compared& one = found[last_path];  // one that went and one that came stand under one path
      one.path = last_path;
      if (*from) one.from = *from;
      if (*to) one.to = *to;
    }
    std::erase_if(found, [](const auto& item) {
      const Compared& one = item.second;
      if (!one.from || !one.to) return !one.from && !one.to;
      return one.from->version == one.to->version && one.from->kind == one.to->kind &&
             one.from->target == one.to->target;
    });
    return found;
  }

 private:
  Result<std::optional<Node>> node_at(Inode inode, Seq seq) {
    auto node = store_.attributes(context_.call(), volume_.id, inode, as_of(seq));
    if (!node && node.error().code != Code::not_found) return node.error();
    if (!node || node->value.removed()) return std::optional<Node>{};
    return std::optional(std::move(node->value));
  }

  Context& context_;
  Store& store_;
  const Volume& volume_;
  const Seq from_;
  const Seq to_;
};

std::string_view sign_of(const Compared& one) {
  if (!one.from) return "A";
  return one.to ? "M" : "D";
}

}  // namespace

Status show_file(Context& context, const ShowOptions& options) {
  const std::string path = (options.path.starts_with('/') ? "" : "/") + options.path;
  if (auto good = check_path(path); !good) return good.error();
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  ReadAt at;
  if (!options.as_of.empty()) {
    auto seq = parse_moment(context, **store, *volume, options.as_of);
    if (!seq) return seq.error();
    at.as_of = *seq;
  }
  auto found = (*store)->attributes(context.call(), volume->id, NodeRef{path}, at);
  if (!found) return found.error();
  Node node = found->value;
  if (!node.is(Kind::file)) {
    return Error{Code::is_directory, path + " is no file: `outboard diff` shows what changed in it",
                 path};
  }
  if (options.version) {
    node.version = Version{*options.version};
    auto size = (*store)->read(context.call(), volume->id, node.inode, node.version, 0, 1);
    if (!size) return size.error();
    node.attributes.size = size->value.size;
  }
  return read_content(context, **store, volume->id, node, [&](std::string_view part) {
    context.screen().out().write(part.data(), static_cast<std::streamsize>(part.size()));
    return success();
  });
}

Status show_diff(Context& context, const DiffOptions& options) {
  const std::string path = (options.path.starts_with('/') ? "" : "/") + options.path;
  if (auto good = check_path(path); !good) return good.error();
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto from = parse_moment(context, **store, *volume, options.from);
  if (!from) return from.error();
  Result<Seq> to = volume->head;
  if (!options.to.empty()) to = parse_moment(context, **store, *volume, options.to);
  if (!to) return to.error();
  if (*to < *from) {
    return Error{Code::invalid, "seq " + to_string(*to) + " is before " + to_string(*from) +
                                    ": give the older one first"};
  }
  auto found = Comparison(context, **store, *volume, *from, *to).run(path);
  if (!found) return found.error();
  Json document = Json::array();
  for (const auto& [name, one] : *found) {
    const bool files = has_lines(one.from) || has_lines(one.to);
    if (context.json()) {
      document.push_back({{"path", name}, {"what", std::string(sign_of(one))}});
    } else if (options.names || !files) {
      context.screen().out() << sign_of(one) << "  " << printable(name) << "\n";
    } else if (auto shown = print_file_diff(context, **store, *volume, {name, one.from, one.to});
               !shown) {
      return shown;
    }
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json() && found->empty()) {
    context.screen().out() << "No difference between seq " << to_string(*from) << " and "
                           << to_string(*to) << ".\n";
  }
  return success();
}

}  // namespace outboard::cli
