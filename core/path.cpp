#include "core/path.h"

#include <algorithm>

#include "core/limits.h"

namespace outboard {
namespace {

Error bad_name(std::string_view name, std::string rule) {
  return Error{Code::invalid, "the name \"" + std::string(name) + "\" " + std::move(rule),
               std::string(name)};
}

}  // namespace

Status check_name(std::string_view name) {
  if (name.empty()) return bad_name(name, "is empty: give each file and directory a name");
  if (name.size() > kNameBytesMax) {
    return Error{Code::name_too_long,
                 "a name has " + std::to_string(name.size()) + " bytes, the limit is " +
                     std::to_string(kNameBytesMax) + ": shorten it",
                 std::string(name.substr(0, 64)) + "…"};
  }
  if (name == "." || name == "..") return bad_name(name, "is reserved: paths here are absolute");
  if (name == kHistoryName) {
    return bad_name(name, "is reserved: versions of files appear under it; choose another");
  }
  if (name.find('/') != std::string_view::npos || name.find('\0') != std::string_view::npos) {
    return bad_name(name, "contains a slash or NUL: neither can stand in a name");
  }
  return success();
}

Status check_path(std::string_view path) {
  if (path.empty() || path.front() != '/') {
    return Error{Code::invalid,
                 "the path \"" + std::string(path) +
                     "\" does not start with \"/\": paths are "
                     "absolute within their volume",
                 std::string(path)};
  }
  if (path.size() > kPathBytesMax) {
    return Error{Code::name_too_long,
                 "a path has " + std::to_string(path.size()) + " bytes, the limit is " +
                     std::to_string(kPathBytesMax) + ": shorten it",
                 std::string(path.substr(0, 64)) + "…"};
  }
  for (const std::string_view name : components_of(path)) {
    if (auto good = check_name(name); !good) {
      Error error = good.error();
      error.subject = std::string(path);
      return error;
    }
  }
  return success();
}

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> names;
  if (path == "/") return names;
  std::string_view rest = path.substr(1);
  for (;;) {
    const std::size_t slash = rest.find('/');
    names.push_back(rest.substr(0, slash));
    if (slash == std::string_view::npos) return names;
    rest.remove_prefix(slash + 1);
  }
}

std::pair<std::string_view, std::string_view> split_last(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  CHECK(slash != std::string_view::npos && path.size() > 1);
  return {slash == 0 ? path.substr(0, 1) : path.substr(0, slash), path.substr(slash + 1)};
}

std::string join(std::string_view parent, std::string_view name) {
  std::string path(parent);
  if (path.empty() || path.back() != '/') path.push_back('/');
  return path.append(name);
}

bool is_within(std::string_view path, std::string_view prefix) {
  if (prefix == "/" || path == prefix) return true;
  return path.size() > prefix.size() && path.starts_with(prefix) && path[prefix.size()] == '/';
}

Status check_slug(std::string_view what, std::string_view slug) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (!slug.empty() && slug.size() <= kSlugBytesMax && slug.front() != '-' &&
      std::all_of(slug.begin(), slug.end(), good)) {
    return success();
  }
  return Error{Code::invalid,
               "\"" + std::string(slug) + "\" is no name for " + std::string(what) + ": use 1 to " +
                   std::to_string(kSlugBytesMax) +
                   " of a-z, 0-9 and \"-\", not starting with \"-\"",
               std::string(slug)};
}

}  // namespace outboard
