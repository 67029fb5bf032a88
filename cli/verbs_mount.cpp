#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/mount_commands.h"

namespace outboard::cli {

void add_mount_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* mount = app.add_subcommand("mount", "A mount daemon on this machine");
  mount->require_subcommand(1);
  auto options = std::make_shared<MountOptions>();
  const auto add = [&](const char* verb, const char* about) {
    CLI::App* added = mount->add_subcommand(verb, about);
    added->add_option("--control", options->control,
                      "Its control socket; default: OUTBOARD_CONTROL");
    added->add_flag("--json", json, "Print JSON instead of words");
    return added;
  };
  CLI::App* status = add("status", "What is mounted, how current it is, and what was asked of it");
  status->footer("Example:\n  outboard mount status --control /run/outboard/mount.sock");
  status->callback([&chosen, options] {
    chosen = [options](Context& context) { return show_mount(context, *options); };
  });
  CLI::App* warm =
      add("warm", "Bring names and small files near, so that a first command finds them");
  warm->add_option("PATH", options->path, "Only what is at and below it; default: all views");
  warm->add_option("--bytes", options->bytes, "At most so much, as in 64MiB");
  warm->footer("Example:\n  outboard mount warm /skills --control /run/outboard/mount.sock");
  warm->callback([&chosen, options] {
    chosen = [options](Context& context) { return warm_mount(context, *options); };
  });
  CLI::App* barrier =
      add("barrier", "Wait until programs in the mount see what was committed; prints the seqs");
  barrier->add_option("VOLUME=SEQ", options->seqs,
                      "As in acme/memory=42; default: all that the server has by now");
  barrier->footer(
      "Example:\n  outboard mount barrier --timeout 5s --control /run/outboard/mount.sock");
  barrier->callback([&chosen, options] {
    chosen = [options](Context& context) { return await_mount(context, *options); };
  });
  CLI::App* renew = add("renew-token", "Give the daemon another token, without a remount");
  renew->add_option("FILE", options->token_file, "Holds the token; - reads standard input")
      ->required();
  renew->footer(
      "Example:\n  outboard token mint acme/ada | outboard mount renew-token - --control "
      "/run/outboard/mount.sock");
  renew->callback([&chosen, options] {
    chosen = [options](Context& context) { return renew_mount_token(context, *options); };
  });
}

}  // namespace outboard::cli
