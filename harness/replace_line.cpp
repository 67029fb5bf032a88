#include "harness/replace_line.h"

#include <CLI/CLI.hpp>
#include <string_view>

namespace outboard::harness {
namespace {

constexpr const char* kName = "outboard-harness replace-daemons";
constexpr const char* kAbout =
    "Has another outboard-fuse take over from the mount daemon of each sandbox that runs, under "
    "its\n"
    "commands, which notice a short wait. As root, on the sandboxes' host; the harness may run or\n"
    "not. A line for each sandbox says what came of it.\n";
constexpr const char* kExamples =
    "Example:\n"
    "  outboard-harness replace-daemons --sandboxes /var/lib/outboard/sandboxes\n"
    "\n"
    "Exit codes: 0 all are replaced, 1 some go on with the daemon that they had (their lines say\n"
    "why), 2 wrong command line.";

}  // namespace

bool is_replace_line(int argc, const char* const* argv) {
  return argc > 1 && std::string_view(argv[1]) == "replace-daemons";
}

program::CommandLine<ReplaceConfig> read_replace_line(int argc, const char* const* argv) {
  ReplaceConfig config;
  CLI::App app(kAbout, kName);
  app.footer(kExamples);
  app.add_option("--sandboxes", config.sandboxes,
                 "Directory of the sandboxes, as the harness has it")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--programs", config.programs, "Where the new outboard-fuse is [beside this one]")
      ->check(CLI::ExistingDirectory);
  app.add_option("sessions", config.sessions, "Only of these sessions")->type_name("SESSION");
  if (auto ending = program::parse(app, argc - 1, argv + 1)) return *ending;
  return config;
}

}  // namespace outboard::harness
