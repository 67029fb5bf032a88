#include "core/view_spec.h"

#include <set>

#include "core/path.h"

namespace outboard {
namespace {

Error bad_view(std::string_view text, std::string_view rule) {
  return Error{Code::invalid,
               std::string(text) + ": " + std::string(rule) +
                   "; write it as /skills=acme/skills:ro or /memory=acme/memory:rw",
               std::string(text)};
}

}  // namespace

Result<ViewSpec> parse_view(std::string_view text) {
  const std::size_t equals = text.rfind('=');
  if (equals == std::string_view::npos) return bad_view(text, "there is no \"=\"");
  const std::string_view rest = text.substr(equals + 1);
  const std::size_t colon = rest.rfind(':');
  const std::string_view mode = colon == std::string_view::npos ? "" : rest.substr(colon + 1);
  if (mode != "ro" && mode != "rw") return bad_view(text, "it must end in :ro or :rw");
  ViewSpec view;
  view.path = text.substr(0, equals);
  while (view.path.size() > 1 && view.path.back() == '/') view.path.pop_back();
  view.volume = rest.substr(0, colon);
  view.read_only = mode == "ro";
  if (view.path.empty() || view.path.front() != '/' || view.path == "/") {
    return bad_view(text, "the place must be an absolute path, and not the root");
  }
  if (view.volume.empty()) return bad_view(text, "the volume's name is missing");
  return view;
}

std::string to_string(const ViewSpec& view) {
  return view.path + "=" + view.volume + (view.read_only ? ":ro" : ":rw");
}

const ViewSpec* view_around(const std::vector<ViewSpec>& views, std::string_view path) {
  const ViewSpec* innermost = nullptr;
  for (const ViewSpec& view : views) {
    if (view.path == path || !is_within(path, view.path)) continue;
    if (innermost == nullptr || innermost->path.size() < view.path.size()) innermost = &view;
  }
  return innermost;
}

Status check_places(const std::vector<ViewSpec>& views) {
  std::set<std::string> places;
  for (const ViewSpec& view : views) {
    if (!places.insert(view.path).second) {
      return Error{Code::invalid, view.path + " is given twice: a place shows one view", view.path};
    }
    const ViewSpec* around = view_around(views, view.path);
    if (around == nullptr || split_last(view.path).first == around->path) continue;
    return Error{Code::unsupported,
                 view.path + " lies deep in the view at " + around->path +
                     ": a view inside a view stands directly in its root, as " + around->path +
                     "/NAME",
                 view.path};
  }
  return success();
}

}  // namespace outboard
