#include "cli/file_diff.h"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>

#include "cli/remote_tree.h"
#include "core/limits.h"
#include "core/text_diff.h"

namespace outboard::cli {
namespace {

// The content to compare; "" of what is no file, nothing of what is too large or no text.
Result<std::optional<std::string>> text_of(Context& context, Store& store, const Volume& volume,
                                           const std::optional<Node>& node) {
  std::string text;
  if (!has_lines(node)) return std::optional(text);
  if (node->attributes.size > kDiffFileBytesMax) return std::optional<std::string>{};
  auto read = read_content(context, store, volume.id, *node, [&](std::string_view part) {
    text += part;
    return success();
  });
  if (!read) return read.error();
  if (text.find('\0') != std::string::npos) return std::optional<std::string>{};
  return std::optional(std::move(text));
}

void print_lines(Screen& screen, const std::string& diff) {
  std::string_view rest = diff;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const std::string line = printable(rest.substr(0, end));
    Colour colour = Colour::plain;
    if (line.starts_with('+')) colour = Colour::green;
    if (line.starts_with('-')) colour = Colour::red;
    if (line.starts_with('@')) colour = Colour::cyan;
    screen.out() << screen.paint(colour, line) << "\n";
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
}

}  // namespace

bool has_lines(const std::optional<Node>& node) {
  return node && node->is(Kind::file);
}

Status print_file_diff(Context& context, Store& store, const Volume& volume,
                       const Difference& change) {
  Screen& screen = context.screen();
  const std::string path = printable(change.path);
  const auto version = [](const std::optional<Node>& node) {
    return has_lines(node) ? "@" + to_string(node->version) : "";
  };
  auto from = text_of(context, store, volume, change.before);
  auto to = text_of(context, store, volume, change.after);
  for (const auto* side : {&from, &to}) {
    if (*side || side->error().code == Code::not_found) continue;
    return side->error();
  }
  screen.out() << screen.paint(Colour::bold, "--- " + (change.before ? path : "/dev/null") +
                                                 version(change.before))
               << "\n"
               << screen.paint(Colour::bold,
                               "+++ " + (change.after ? path : "/dev/null") + version(change.after))
               << "\n";
  if (!from || !to) {
    screen.out() << "A version is no longer kept, or was redacted.\n";
  } else if (!*from || !*to) {
    screen.out() << "Not compared: no text, or over " << readable_size(kDiffFileBytesMax) << ".\n";
  } else {
    print_lines(screen, unified_diff(**from, **to));
  }
  return success();
}

}  // namespace outboard::cli
