#include <CLI/CLI.hpp>

#include "cli/command_line.h"
#include "cli/session_commands.h"

namespace outboard::cli {
namespace {

void add_run(CLI::App* session, Command& chosen) {
  auto options = std::make_shared<RunOptions>();
  CLI::App* run = session->add_subcommand("run", "Say something to an agent and watch it work");
  run->add_option("MESSAGE", options->message, "What to say; \"-\": standard input")->required();
  run->add_option("--model", options->model,
                  "For a new session: anthropic:NAME, or scripted:FILE to replay a scenario");
  run->add_option("--session", options->session,
                  "Go on in this one: its id or the beginning of it");
  run->add_flag("--full", options->full, "All lines of long outputs");
  run->footer(
      "Shows what happens until the session waits for you. Ctrl-C leaves it running:\n"
      "`outboard session attach` shows it again, `interrupt` stops it.\n\n"
      "Example:\n  outboard session run 'Which skills are there, and what is the newest memory?'\n"
      "  outboard session run --model scripted:examples/scenarios/first_session.yaml hello");
  run->callback([&chosen, options] {
    chosen = [options](Context& context) { return run_session(context, *options); };
  });
}

void add_watching(CLI::App* session, Command& chosen, bool& json) {
  auto watched = std::make_shared<RunOptions>();
  CLI::App* attach = session->add_subcommand("attach", "From its beginning to whatever happens");
  attach->add_option("SESSION", watched->session, "Its id or the beginning of it")->required();
  attach->add_flag("--full", watched->full, "All lines of long outputs");
  attach->footer("Example:\n  outboard session attach 3f2a91c0");
  attach->callback([&chosen, watched] {
    chosen = [watched](Context& context) {
      return attach_session(context, watched->session, watched->full);
    };
  });

  auto shown = std::make_shared<RunOptions>();
  CLI::App* show = session->add_subcommand("show", "A session as it is now, with all its events");
  show->add_option("SESSION", shown->session, "Its id or the beginning of it")->required();
  show->add_flag("--full", shown->full, "All lines of long outputs");
  show->add_flag("--json", json, "Print JSON");
  show->footer("Example:\n  outboard session show 3f2a91c0 --json");
  show->callback([&chosen, shown] {
    chosen = [shown](Context& context) {
      return show_session(context, shown->session, shown->full);
    };
  });

  auto found = std::make_shared<FindOptions>();
  CLI::App* list = session->add_subcommand("list", "Sessions, newest first");
  list->add_option("--state", found->state, "runnable, running, waiting, finished or failed");
  list->add_option("--limit", found->limit, "Sessions to show; default 20")
      ->check(CLI::Range(1, 1'000));
  list->add_flag("--json", json, "Print JSON instead of a table");
  list->footer("Example:\n  outboard session list --state waiting");
  list->callback([&chosen, found] {
    chosen = [found](Context& context) { return list_sessions(context, *found); };
  });
}

void add_saying(CLI::App* session, Command& chosen) {
  auto sent = std::make_shared<RunOptions>();
  CLI::App* send = session->add_subcommand("send", "Say something without watching");
  send->add_option("SESSION", sent->session, "Its id or the beginning of it")->required();
  send->add_option("MESSAGE", sent->message, "What to say; \"-\": standard input")->required();
  send->footer("Example:\n  outboard session send 3f2a91c0 'And the second one?'");
  send->callback([&chosen, sent] {
    chosen = [sent](Context& context) {
      return send_message(context, sent->session, sent->message);
    };
  });

  auto stopped = std::make_shared<std::string>();
  CLI::App* interrupt = session->add_subcommand("interrupt", "Stop what runs, keep its output");
  interrupt->add_option("SESSION", *stopped, "Its id or the beginning of it")->required();
  interrupt->footer("Example:\n  outboard session interrupt 3f2a91c0");
  interrupt->callback([&chosen, stopped] {
    chosen = [stopped](Context& context) { return interrupt_session(context, *stopped); };
  });

  auto answer = std::make_shared<ApproveOptions>();
  CLI::App* approve = session->add_subcommand("approve", "Answer a tool call that waits for it");
  approve->add_option("SESSION", answer->session, "Its id or the beginning of it")->required();
  approve->add_option("OP", answer->op, "The call's; default: the only one that waits");
  approve->add_flag("--allow", answer->allow, "It may run");
  approve->add_flag("--deny", answer->deny, "It may not");
  approve->add_option("--message", answer->message, "With --deny: what the agent is told");
  approve->footer(
      "Example:\n  outboard session approve 3f2a91c0 --allow\n"
      "  outboard session approve 3f2a91c0 77ab --deny --message 'Not on Fridays.'");
  approve->callback([&chosen, answer] {
    chosen = [answer](Context& context) { return approve_call(context, *answer); };
  });
}

}  // namespace

void add_session_verbs(CLI::App& app, Command& chosen, bool& json) {
  CLI::App* session = app.add_subcommand("session", "Sessions of an agent: run, watch, answer");
  session->require_subcommand(1);
  add_run(session, chosen);
  add_watching(session, chosen, json);
  add_saying(session, chosen);
}

}  // namespace outboard::cli
