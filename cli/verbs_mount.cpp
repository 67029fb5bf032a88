#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/mount_commands.h"

namespace outboard::cli {

namespace {

using AddVerb = std::function<CLI::App*(const char* verb, const char* about)>;

void add_view_verbs(Command& chosen, const std::shared_ptr<MountOptions>& options,
                    const AddVerb& add) {
  const auto offer_force = [&](CLI::App* verb) {
    verb->add_flag("--force", options->force,
                   "Also what programs use: they hear errors from what they have open");
  };
  CLI::App* more = add("add", "Show more views, all of them or none");
  more->add_option("VIEW", options->views, "PATH=VOLUME:ro or PATH=VOLUME:rw; the path exists")
      ->required();
  more->footer(
      "A view may stand where one was at the daemon's start, in the root of another, and beneath "
      "the daemon's --allow-mounts.\n"
      "Example:\n  outboard mount add /memory=acme/memory:rw --control /run/outboard/mount.sock");
  more->callback([&chosen, options] {
    chosen = [options](Context& context) { return add_views(context, *options); };
  });
  CLI::App* fewer = add("remove", "Take views out of the tree; what is unsaved is published first");
  fewer->add_option("PATH", options->paths, "Where it stands")->required();
  offer_force(fewer);
  fewer->footer("Example:\n  outboard mount remove /memory --control /run/outboard/mount.sock");
  fewer->callback([&chosen, options] {
    chosen = [options](Context& context) { return remove_views(context, *options); };
  });
  CLI::App* set = add("set", "Show exactly these views, whole or not at all");
  set->add_option("VIEW", options->views,
                  "PATH=VOLUME:ro or PATH=VOLUME:rw; what is there as it shall be is not touched; "
                  "none: no view is left");
  offer_force(set);
  set->footer(
      "Example:\n  outboard mount set /skills=acme/skills:ro /memory=acme/memory:rw --control "
      "/run/outboard/mount.sock");
  set->callback([&chosen, options] {
    chosen = [options](Context& context) { return set_views(context, *options); };
  });
}

}  // namespace

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
  add_view_verbs(chosen, options, add);
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
