#include "cli/memory_commands.h"

#include <istream>
#include <ostream>

#include "cli/json_output.h"
#include "cli/local_files.h"
#include "cli/remote_tree.h"
#include "cli/table.h"
#include "core/limits.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

// People write "notes/a.md" and "/notes/"; the volume knows "/notes/a.md".
Result<std::string> path_from(std::string_view typed) {
  std::string path(typed.starts_with('/') ? "" : "/");
  path += typed;
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  if (auto good = check_path(path); !good) return good.error();
  return path;
}

std::string_view kind_word(Kind kind) {
  switch (kind) {
    case Kind::file: return "file";
    case Kind::directory: return "directory";
    case Kind::symlink: return "symlink";
    case Kind::fifo: return "fifo";
    case Kind::socket: return "socket";
    case Kind::char_device: return "char_device";
    case Kind::block_device: return "block_device";
  }
  return "file";
}

// "-rw-r--r--", as ls shows it.
std::string mode_text(const Node& node) {
  constexpr std::string_view kKinds = "-dlpscb";
  constexpr std::string_view kBits = "rwxrwxrwx";
  std::string text(1, kKinds[static_cast<std::size_t>(node.kind)]);
  for (std::size_t i = 0; i < kBits.size(); ++i) {
    text += (node.attributes.mode & (0400U >> i)) != 0 ? kBits[i] : '-';
  }
  return text;
}

struct Row {
  std::string name;
  Node node;
};

Result<std::vector<Row>> rows_below(Context& context, Store& store, const Volume& volume,
                                    const std::string& path, bool recursive) {
  std::vector<Row> rows;
  auto at = store.attributes(context.call(), volume.id, NodeRef{path});
  if (!at) return at.error();
  if (!at->value.is(Kind::directory)) {
    rows.push_back({std::string(split_last(path).second), at->value});
    return rows;
  }
  if (recursive) {
    auto tree = read_tree(context, store, volume, {path}, 64);
    if (!tree) return tree.error();
    for (auto& [below, node] : tree->nodes) {
      if (below != path) rows.push_back({below.substr(path == "/" ? 1 : path.size() + 1), node});
    }
    return rows;
  }
  std::string after;
  do {
    auto page = store.list(context.call(), volume.id, NodeRef{path}, after, kPageEntriesMax);
    if (!page) return page.error();
    for (Entry& entry : page->value.entries) {
      rows.push_back({std::move(entry.dentry.name), std::move(entry.node)});
    }
    after = page->value.next;
  } while (!after.empty());
  return rows;
}

void print_rows(Context& context, const std::vector<Row>& rows, const std::string& path) {
  Json document = Json::array();
  Table table({{"MODE", Align::left, Colour::dim},
               {"SIZE", Align::right},
               {"VERSION", Align::right},
               {"CHANGED"},
               {"NAME", Align::left, Colour::bold}});
  for (const auto& [name, node] : rows) {
    const Attributes& has = node.attributes;
    document.push_back({{"name", name},
                        {"kind", kind_word(node.kind)},
                        {"mode", has.mode},
                        {"size", has.size},
                        {"version", node.version.value},
                        {"modified", to_string(has.modified)}});
    std::string shown = name;
    if (node.is(Kind::directory)) shown += "/";
    if (node.is(Kind::symlink)) shown += " -> " + node.target;
    const bool file = node.is(Kind::file);
    table.add({mode_text(node), file ? readable_size(has.size) : "-",
               file ? to_string(node.version) : "-", readable_time(has.modified), shown});
  }
  if (context.json()) print_json(context.screen(), document);
  if (!context.json()) {
    table.print(context.screen(), "Nothing in " + printable(path) +
                                      " yet: `outboard memory put PATH FILE` writes a file.");
  }
}

Result<std::string> read_source(Context& context, const std::string& source) {
  if (source != "-") return read_file(source, kBatchBytesMax);
  std::string bytes;
  std::string part(1U << 16U, '\0');
  while (context.in().read(part.data(), static_cast<std::streamsize>(part.size())) ||
         context.in().gcount() > 0) {
    bytes.append(part.data(), static_cast<std::size_t>(context.in().gcount()));
    if (bytes.size() > kBatchBytesMax) {
      return Error{Code::too_big,
                   "standard input is longer than " + readable_size(kBatchBytesMax) +
                       ", the most that one request carries: write it through a mount"};
    }
  }
  return bytes;
}

Error explain(Error error, const std::string& path, const Volume& volume) {
  if (error.code == Code::conflict) {
    const std::string now = error.current_version == 0
                                ? "is not there"
                                : "is at version " + std::to_string(error.current_version);
    error.message = path + " " + now + " now: read it again, then put with --if-version " +
                    std::to_string(error.current_version);
  }
  if (error.code == Code::read_only || error.code == Code::no_access) {
    error.message += " (this token may read " + volume.name + ", not write it; `outboard token " +
                     "mint --grant " + volume.name + ":rw` makes one that may)";
  }
  return error;
}

Step step_of(const PutOptions& options, const std::string& path, std::string bytes) {
  const auto [parent, name] = split_last(path);
  Step step;
  if (options.append && options.if_version != 0) {
    step.op = Append{NodeRef{path}, std::move(bytes)};
  } else {
    Publish op;
    op.at = NameRef{std::string(parent), std::string(name)};
    op.bytes = std::move(bytes);
    op.parents = true;
    step.op = std::move(op);
  }
  if (options.if_version == 0U) step.when.absent = true;
  if (options.if_version.value_or(0) != 0) step.when.version = Version{*options.if_version};
  return step;
}

}  // namespace

Status list_files(Context& context, const ListOptions& options) {
  auto path = path_from(options.path);
  if (!path) return path.error();
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto rows = rows_below(context, **store, *volume, *path, options.recursive);
  if (!rows) return rows.error();
  print_rows(context, *rows, *path);
  return success();
}

Status cat_file(Context& context, const CatOptions& options) {
  auto path = path_from(options.path);
  if (!path) return path.error();
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  auto found = (*store)->attributes(context.call(), volume->id, NodeRef{*path});
  if (!found) return found.error();
  Node node = found->value;
  if (!node.is(Kind::file)) {
    return Error{node.is(Kind::directory) ? Code::is_directory : Code::invalid,
                 *path + " is a " + std::string(kind_word(node.kind)) + ", no file" +
                     (node.is(Kind::directory) ? ": `outboard memory ls` lists it" : ""),
                 *path};
  }
  if (options.version) {
    node.version = Version{*options.version};
    auto size = (*store)->read(context.call(), volume->id, node.inode, node.version, 0, 1);
    if (!size) return size.error();
    node.attributes.size = size->value.size;
  }
  std::ostream& out = context.screen().out();
  auto read = read_content(context, **store, volume->id, node, [&](std::string_view part) {
    out.write(part.data(), static_cast<std::streamsize>(part.size()));
    return success();
  });
  if (!read) return read;
  return success();
}

Status put_file(Context& context, const PutOptions& options) {
  auto path = path_from(options.path);
  if (!path) return path.error();
  if (*path == "/") {
    return Error{Code::is_directory, "\"/\" is the volume itself: give the path of a file", "/"};
  }
  auto bytes = read_source(context, options.source);
  if (!bytes) return bytes.error();
  auto volume = context.open_volume(options.volume, "memory");
  if (!volume) return volume.error();
  auto store = context.store();
  if (!store) return store.error();
  const std::uint64_t sent = bytes->size();
  Batch batch;
  if (options.append && !options.if_version) {  // a file that is not there yet begins empty
    const auto [parent, name] = split_last(*path);
    if (parent != "/") {
      const auto [above, last] = split_last(parent);
      MakeDirectory parents{NameRef{std::string(above), std::string(last)}, 0755, 0, 0, true};
      batch.steps.push_back(Step{std::move(parents), {}});
    }
    CreateFile file;
    file.at = NameRef{std::string(parent), std::string(name)};
    file.exclusive = false;
    batch.steps.push_back(Step{std::move(file), {}});
  }
  batch.steps.push_back(step_of(options, *path, std::move(*bytes)));
  context.name(batch);
  auto applied = (*store)->apply(context.call(), volume->id, batch);
  if (!applied) return explain(applied.error(), *path, *volume);
  const Node& node = applied->outcomes.back().node;
  Screen& screen = context.screen();
  screen.out() << screen.paint(Colour::green, options.append ? "appended" : "put") << " "
               << screen.paint(Colour::bold, printable(*path)) << " in " << printable(volume->name)
               << ": " << readable_size(sent) << ", version " << to_string(node.version) << ", seq "
               << to_string(applied->last) << "\n";
  for (const Outcome& outcome : applied->outcomes) {
    for (const std::string& warning : outcome.warnings) {
      screen.err() << screen.paint_error(Colour::yellow, "warning:") << " " << printable(warning)
                   << "\n";
    }
  }
  return success();
}

}  // namespace outboard::cli
