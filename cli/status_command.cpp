#include "cli/status_command.h"

#include <array>
#include <cstdio>
#include <ostream>

#include "cli/json_output.h"

namespace outboard::cli {
namespace {

std::string milliseconds(Moment from, Moment to) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f ms",
                std::chrono::duration<double, std::milli>(to - from).count());
  return text.data();
}

std::string describe(const Volume& volume) {
  return volume.name + (volume.read_only ? "  read only" : "  read and write") + ", " +
         counted(volume.used_nodes, "node") + ", " + readable_size(volume.used_bytes) + ", seq " +
         to_string(volume.head);
}

// The standard volumes of the organisation, where it is known, that this token may open.
std::vector<Volume> visible_volumes(Context& context, Store& store) {
  std::vector<Volume> seen;
  auto organisation = context.organisation();
  if (!organisation) return seen;
  for (const char* name : {"skills", "memory"}) {
    auto volume = store.open_volume(context.call(), *organisation + "/" + name);
    if (volume) seen.push_back(*volume);
  }
  return seen;
}

}  // namespace

std::string_view program_version() {
  return OUTBOARD_VERSION;
}

Status show_status(Context& context) {
  const Moment start = context.clock().now();
  auto store = context.store();
  if (!store) return store.error();
  const Moment connected = context.clock().now();
  const std::vector<Volume> volumes = visible_volumes(context, **store);
  Screen& screen = context.screen();
  if (context.json()) {
    Json document = {{"server", context.address()},
                     {"server_version", context.server().version()},
                     {"version", program_version()},
                     {"volumes", Json::array()}};
    for (const Volume& volume : volumes) {
      document["volumes"].push_back({{"name", volume.name},
                                     {"read_only", volume.read_only},
                                     {"used_bytes", volume.used_bytes},
                                     {"used_nodes", volume.used_nodes},
                                     {"seq", volume.head.value}});
    }
    print_json(screen, document);
    return success();
  }
  screen.out() << screen.paint(Colour::dim, "server    ") << printable(context.address())
               << screen.paint(Colour::green, "  answers") << " in "
               << milliseconds(start, connected) << "\n"
               << screen.paint(Colour::dim, "version   ") << printable(context.server().version())
               << ", this command " << program_version() << "\n";
  for (const Volume& volume : volumes) {
    screen.out() << screen.paint(Colour::dim, "volume    ") << printable(describe(volume)) << "\n";
  }
  if (volumes.empty()) {
    screen.out() << screen.paint(Colour::dim, "volumes   ")
                 << "none looked at: set OUTBOARD_ORG to see this token's\n";
  }
  return success();
}

}  // namespace outboard::cli
