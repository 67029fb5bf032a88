#include "fusefs/attach_line.h"

#include <CLI/CLI.hpp>
#include <string_view>

namespace outboard::fusefs {
namespace {

constexpr const char* kAttach =
    "Brings a view that stands here into the mount namespace of a sandbox that runs. As root, and\n"
    "outside of the sandbox.\n";
constexpr const char* kDetach = "Takes a view out of the mount namespace of a sandbox.\n";

}  // namespace

bool is_attach_line(int argc, const char* const* argv) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  return verb == "attach" || verb == "detach";
}

program::CommandLine<AttachConfig> read_attach_line(int argc, const char* const* argv) {
  AttachConfig config;
  config.attaches = std::string_view(argv[1]) == "attach";
  const std::string name = std::string("outboard-fuse ") + argv[1];
  CLI::App app(config.attaches ? kAttach : kDetach, name);
  app.add_option("--pid", config.what.process, "A process of the sandbox")
      ->required()
      ->check(CLI::PositiveNumber.description(""))
      ->type_name("PID");
  if (config.attaches) {
    app.add_option("--view", config.what.view, "Where it stands here")
        ->required()
        ->type_name("PATH");
  }
  app.add_option("--at", config.what.place, "An existing directory, as that process sees it")
      ->required()
      ->type_name("PATH");
  if (!config.attaches) {
    app.add_flag("--lazy", config.what.lazy, "Also a view that programs use");
  }
  app.footer("Example:\n  " + name + " --pid 4711 " +
             (config.attaches ? "--view /run/views/team " : "") + "--at /team");
  if (auto ending = program::parse(app, argc - 1, argv + 1)) return *ending;
  std::string& place = config.what.place;
  while (place.size() > 1 && place.back() == '/') place.pop_back();
  if (place.starts_with('/') && place != "/") return config;
  return program::wrong(name, "--at must be an absolute path, and not the root");
}

}  // namespace outboard::fusefs
