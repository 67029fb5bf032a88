#include "cli/session_commands.h"

#include <filesystem>
#include <istream>
#include <iterator>
#include <ostream>

#include "cli/json_output.h"
#include "cli/session_view.h"
#include "cli/table.h"

namespace outboard::cli {
namespace {

using client::Agent;
using client::SessionSummary;

// How long a watch waits for a harness that went away: a deploy, a reboot.
constexpr std::chrono::minutes kPatience{5};
constexpr std::size_t kShortIdChars = 8;
constexpr std::size_t kPrefixCharsMin = 4;
constexpr std::uint32_t kPageSessions = 1'000;

std::string short_id(SessionId id) {
  return to_string(id).substr(0, kShortIdChars);
}

// A beginning is looked for among the newest sessions.
Result<SessionId> find_session(Context& context, Agent& agent, const std::string& text) {
  if (const auto whole = parse_uuid(text)) return SessionId{*whole};
  if (text.size() < kPrefixCharsMin) {
    return Error{Code::invalid, "\"" + text + "\" is no session; give its id or at least " +
                                    std::to_string(kPrefixCharsMin) + " characters of it"};
  }
  auto page = agent.find({}, kPageSessions, {}, context.call().deadline);
  if (!page) return std::move(page).error();
  std::vector<SessionId> found;
  for (const SessionSummary& one : page->sessions) {
    if (to_string(one.id).starts_with(text)) found.push_back(one.id);
  }
  if (found.size() == 1) return found.front();
  return Error{
      Code::not_found,
      found.empty()
          ? "no session of yours begins with " + text + "; `outboard session list` shows them"
          : std::to_string(found.size()) + " sessions begin with " + text + "; give more of the id",
      text};
}

struct Found {
  Agent* agent = nullptr;
  SessionSummary session;
};

Result<Found> open_session(Context& context, const std::string& text) {
  auto agent = context.agent();
  if (!agent) return std::move(agent).error();
  auto id = find_session(context, **agent, text);
  if (!id) return std::move(id).error();
  auto described = (*agent)->describe(*id, context.call().deadline);
  if (!described) return std::move(described).error();
  return Found{*agent, *std::move(described)};
}

Result<std::string> message_of(Context& context, const std::string& text) {
  if (text != "-") return text;
  std::string read{std::istreambuf_iterator<char>(context.in()), {}};
  while (!read.empty() && read.back() == '\n') read.pop_back();
  if (read.empty()) return Error{Code::invalid, "standard input held no message"};
  return read;
}

// The harness reads the file, wherever it was started.
std::string absolute_model(const std::string& model) {
  constexpr std::string_view kScripted = "scripted:";
  if (!model.starts_with(kScripted)) return model;
  std::error_code failed;
  const auto path = std::filesystem::absolute(model.substr(kScripted.size()), failed);
  return failed ? model : std::string(kScripted) + path.lexically_normal().string();
}

// Until the session waits for a person, and then says how to go on.
Status follow(Context& context, Agent& agent, SessionId id, std::uint64_t after, bool full) {
  Screen& screen = context.screen();
  SessionView view(screen, id, {0, full, false});
  auto watched = agent.watch(id, after, view, kPatience);
  view.close();
  if (!watched) return watched;
  if (view.failed()) {
    return Error{Code::invalid, "the session failed: " + *view.failed(), to_string(id)};
  }
  if (view.waiting().empty()) {
    screen.err() << screen.paint_error(Colour::dim,
                                       "session " + short_id(id) +
                                           " waits; go on with: outboard session run --session " +
                                           short_id(id) + " '…'")
                 << "\n";
  }
  return success();
}

Json json_of(const SessionSummary& session) {
  return {{"session", to_string(session.id)},
          {"state", session.state},
          {"creator", session.creator},
          {"title", session.title},
          {"turn", session.turn},
          {"events", session.head},
          {"created", to_string(session.created)},
          {"diagnosis", session.diagnosis}};
}

std::string first_line(const std::string& text) {
  return text.substr(0, text.find('\n'));
}

// Takes all events up to one, for --json.
class EventCollector final : public client::AgentSink {
 public:
  explicit EventCollector(std::uint64_t until) : until_(until) {}
  bool on_event(const client::AgentEvent& event) override {
    Json payload = Json::parse(event.payload, nullptr, false);
    events.push_back({{"seq", event.seq},
                      {"kind", event.kind},
                      {"actor", event.actor},
                      {"turn", event.turn},
                      {"at", to_string(event.at)},
                      {"payload", payload.is_discarded() ? Json(event.payload) : payload}});
    return event.seq < until_;
  }
  bool on_text(std::uint64_t, std::string_view) override { return true; }
  bool on_output(OpId, std::uint64_t, std::string_view) override { return true; }
  bool on_dropped(std::uint64_t) override { return true; }
  bool on_idle() override { return false; }
  bool on_away(const Error&) override { return true; }
  bool on_back() override { return true; }

  Json events = Json::array();

 private:
  const std::uint64_t until_;
};

}  // namespace

Status run_session(Context& context, const RunOptions& options) {
  auto message = message_of(context, options.message);
  if (!message) return std::move(message).error();
  if (!options.session.empty()) {
    if (!options.model.empty()) {
      return Error{Code::invalid,
                   "a session keeps its model: give --model only for a new one, without --session"};
    }
    auto found = open_session(context, options.session);
    if (!found) return std::move(found).error();
    const SessionId id = found->session.id;
    auto sent = found->agent->send(id, random_uuid(), *message, context.call().deadline);
    if (!sent) return std::move(sent).error();
    return follow(context, *found->agent, id, found->session.head, options.full);
  }
  auto agent = context.agent();
  if (!agent) return std::move(agent).error();
  const SessionId id{random_uuid()};
  auto started =
      (*agent)->start(id, absolute_model(options.model), *message, context.call().deadline);
  if (!started) return std::move(started).error();
  Screen& screen = context.screen();
  screen.err() << screen.paint_error(Colour::dim, "session " + to_string(id)) << "\n";
  return follow(context, **agent, id, 0, options.full);
}

Status attach_session(Context& context, const std::string& session, bool full) {
  auto found = open_session(context, session);
  if (!found) return std::move(found).error();
  return follow(context, *found->agent, found->session.id, 0, full);
}

Status send_message(Context& context, const std::string& session, const std::string& text) {
  auto message = message_of(context, text);
  if (!message) return std::move(message).error();
  auto found = open_session(context, session);
  if (!found) return std::move(found).error();
  const SessionId id = found->session.id;
  auto sent = found->agent->send(id, random_uuid(), *message, context.call().deadline);
  if (!sent) return std::move(sent).error();
  context.screen().out() << "sent; watch with: outboard session attach " << short_id(id) << "\n";
  return success();
}

Status interrupt_session(Context& context, const std::string& session) {
  auto found = open_session(context, session);
  if (!found) return std::move(found).error();
  const SessionId id = found->session.id;
  auto stopped = found->agent->interrupt(id, random_uuid(), context.call().deadline);
  if (!stopped) return stopped;
  context.screen().out() << "interrupted: what runs is stopped, what it printed is kept\n";
  return success();
}

Status approve_call(Context& context, const ApproveOptions& options) {
  if (options.allow == options.deny) {
    return Error{Code::invalid, "say one of --allow and --deny"};
  }
  auto found = open_session(context, options.session);
  if (!found) return std::move(found).error();
  const SessionSummary& session = found->session;
  SessionView view(context.screen(), session.id, {session.head, false, true});
  if (auto read = found->agent->watch(session.id, 0, view, kPatience); !read) return read;
  std::vector<std::string> ops;
  for (const auto& [op, tool] : view.waiting()) {
    if (op.starts_with(options.op)) ops.push_back(op);
  }
  if (ops.size() != 1) {
    return Error{Code::not_found,
                 ops.empty() ? "no call of session " + short_id(session.id) + " waits for a word" +
                                   (options.op.empty() ? "" : " and begins with " + options.op)
                             : std::to_string(ops.size()) + " calls wait; name one by its op: " +
                                   ops.front() + ", " + ops.back(),
                 options.op};
  }
  auto said = found->agent->approve(session.id, OpId{*parse_uuid(ops.front())}, options.allow,
                                    options.message, context.call().deadline);
  if (!said) return said;
  context.screen().out() << (options.allow ? "allowed" : "denied") << " "
                         << printable(view.calls().at(ops.front())) << "; watch with: outboard "
                         << "session attach " << short_id(session.id) << "\n";
  return success();
}

Status list_sessions(Context& context, const FindOptions& options) {
  auto agent = context.agent();
  if (!agent) return std::move(agent).error();
  auto page = (*agent)->find(options.state, options.limit, {}, context.call().deadline);
  if (!page) return std::move(page).error();
  if (context.json()) {
    Json document = Json::array();
    for (const SessionSummary& one : page->sessions) document.push_back(json_of(one));
    print_json(context.screen(), document);
    return success();
  }
  Table table({{"session", Align::left, Colour::cyan},
               {"state", Align::left, Colour::plain},
               {"by", Align::left, Colour::plain},
               {"turns", Align::right, Colour::plain},
               {"created", Align::left, Colour::dim},
               {"begins with", Align::left, Colour::plain}});
  for (const SessionSummary& one : page->sessions) {
    table.add({short_id(one.id), one.state, one.creator, std::to_string(one.turn),
               readable_time(one.created), first_line(one.title)});
  }
  table.print(context.screen(), "There is no session yet: outboard session run 'hello'");
  return success();
}

Status show_session(Context& context, const std::string& session, bool full) {
  auto found = open_session(context, session);
  if (!found) return std::move(found).error();
  const SessionSummary& one = found->session;
  Screen& screen = context.screen();
  if (context.json()) {
    Json document = json_of(one);
    EventCollector all(one.head);
    if (one.head > 0) {
      if (auto read = found->agent->watch(one.id, 0, all, kPatience); !read) return read;
    }
    document["log"] = std::move(all.events);
    print_json(screen, document);
    return success();
  }
  const auto field = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    screen.out() << screen.paint(Colour::dim, name) << printable(value) << "\n";
  };
  field("session   ", to_string(one.id));
  field("state     ", one.state);
  field("diagnosis ", one.diagnosis);
  field("by        ", one.creator);
  field("created   ", readable_time(one.created));
  field("turns     ", std::to_string(one.turn) + ", " + counted(one.head, "event"));
  if (one.head == 0) return success();
  screen.out() << "\n";
  SessionView view(screen, one.id, {one.head, full, false});
  auto read = found->agent->watch(one.id, 0, view, kPatience);
  view.close();
  return read;
}

}  // namespace outboard::cli
