#include "cli/place.h"

#include "core/path.h"

namespace outboard::cli {

Result<Place> parse_place(std::string_view typed) {
  const std::size_t colon = typed.find(':');
  Place place{std::string(typed.substr(0, colon)), "/"};
  if (place.volume.empty()) {
    return Error{Code::invalid, "\"" + std::string(typed) +
                                    "\" names no volume: give ORG/VOLUME or VOLUME, and behind a "
                                    "colon the path in it, as in acme/memory:notes"};
  }
  if (colon == std::string_view::npos) return place;
  const std::string_view path = typed.substr(colon + 1);
  if (!path.starts_with('/')) place.path = "/";
  if (path.starts_with('/')) place.path.clear();
  place.path += path;
  while (place.path.size() > 1 && place.path.back() == '/') place.path.pop_back();
  if (auto good = check_path(place.path); !good) return good.error();
  return place;
}

std::string path_within(const std::string& top, const std::string& path) {
  if (top == "/") return path;
  return path == top ? "/" : path.substr(top.size());
}

std::string name_of(const Context& context, const OpenPlace& place) {
  return context.address() + " " + to_string(place.volume.id) + " " + place.volume.name + ":" +
         place.path;
}

Result<OpenPlace> open_place(Context& context, std::string_view typed) {
  auto place = parse_place(typed);
  if (!place) return place.error();
  if (place->volume.find('/') == std::string::npos) {
    auto owner = context.organisation();
    if (!owner) return owner.error();
    place->volume = *owner + "/" + place->volume;
  }
  auto volume = context.open_volume(place->volume, "");
  if (!volume) return volume.error();
  return OpenPlace{*std::move(volume), std::move(place->path)};
}

}  // namespace outboard::cli
