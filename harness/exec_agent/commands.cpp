#include "harness/exec_agent/commands.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/limits.h"

namespace outboard::harness {
namespace {

Error invalid(std::string message) {
  return Error{Code::invalid, std::move(message), {}};
}

bool has_nul(const std::string& text) {
  return text.find('\0') != std::string::npos;
}

std::vector<std::string> words_of(const CommandRequest& request) {
  std::vector<std::string> words;
  words.push_back(request.directory.empty() ? std::string(kInnerWorkspace) : request.directory);
  words.insert(words.end(), request.environment.begin(), request.environment.end());
  words.emplace_back();
  words.insert(words.end(), request.arguments.begin(), request.arguments.end());
  return words;
}

Error cannot_start(const CommandRequest& request, int reason) {
  const Code code = reason == ENOENT ? Code::not_found : Code::no_access;
  return Error{code,
               "cannot start " + request.arguments[0] + ": " + std::strerror(reason) +
                   "; see that program and directory exist in the sandbox",
               request.arguments[0]};
}

Status check_sizes(const CommandRequest& request) {
  std::size_t bytes = request.directory.size();
  for (const auto& argument : request.arguments) bytes += argument.size() + 1;
  for (const auto& variable : request.environment) bytes += variable.size() + 1;
  if (bytes > kCommandBytesMax) {
    return Error{Code::too_big,
                 "the command has " + std::to_string(bytes) + " bytes, at most " +
                     std::to_string(kCommandBytesMax) + " can be passed; put it in a file first",
                 {}};
  }
  if (request.output_bytes_max > kOutputBytesMax) {
    return Error{Code::too_big,
                 "output_bytes_max is " + std::to_string(request.output_bytes_max) + ", at most " +
                     std::to_string(kOutputBytesMax) + " are kept; let it write to a file",
                 {}};
  }
  return success();
}

}  // namespace

Status check_command(const CommandRequest& request) {
  if (!request.op) return invalid("op_id is missing; name the command by a uuid");
  if (request.arguments.empty() || (request.arguments[0].empty() && !request.shell)) {
    return invalid("argv is empty; give a program, or with `shell` a command's text");
  }
  if (request.shell && request.arguments.size() != 1) {
    return invalid("with `shell` argv is one text; join it first");
  }
  if (request.shell && !(request.directory.empty() && request.environment.empty())) {
    return invalid("the shell has its own directory and variables; use cd and export in the text");
  }
  if (!request.directory.empty() && request.directory[0] != '/') {
    return invalid("directory \"" + request.directory + "\" is relative; give an absolute path");
  }
  const bool nul = std::any_of(request.arguments.begin(), request.arguments.end(), has_nul) ||
                   std::any_of(request.environment.begin(), request.environment.end(), has_nul) ||
                   has_nul(request.directory);
  if (nul) return invalid("a NUL byte cannot be passed to a program; leave it out");
  for (const auto& variable : request.environment) {
    if (variable.find('=') == 0) return invalid("a variable without a name; give it one");
  }
  return check_sizes(request);
}

Commands::Commands(EventLoop& loop, InnerLink& inner, const Clock& clock, std::string log_directory)
    : loop_(loop),
      inner_(inner),
      clock_(clock),
      directory_(std::move(log_directory)),
      shell_(inner) {
  Table table;
  for (const OpId& op : CallLog::list(directory_)) {
    auto log = CallLog::load(directory_, op, clock_.wall());
    if (!log) continue;
    table.known.emplace(op, *log);
    table.ended.push_back(op);
  }
  std::sort(table.ended.begin(), table.ended.end(), [&](const OpId& a, const OpId& b) {
    return table.known.at(a)->state().started < table.known.at(b)->state().started;
  });
  table_.with([&](Table& kept) { kept = std::move(table); });
  forget_output_of_oldest();
}

Result<std::shared_ptr<CallLog>> Commands::find(const OpId& op) const {
  auto log = table_.with([&](const Table& table) {
    const auto found = table.known.find(op);
    return found == table.known.end() ? nullptr : found->second;
  });
  if (log) return log;
  return Error{Code::not_found,
               "this sandbox never saw operation " + to_string(op) + "; it can be started here",
               to_string(op)};
}

Result<CommandStarted> Commands::start(const CommandRequest& request,
                                       FreezeGate::Admission admission) {
  if (auto known = find(request.op)) return CommandStarted{false, *known};
  if (auto checked = check_command(request); !checked) return std::move(checked).error();
  const auto running = table_.with([](const Table& table) { return table.running.size(); });
  if (running >= kCommandsRunningMax) {
    return Error{Code::unavailable,
                 std::to_string(running) +
                     " commands run in this sandbox, more are not started; "
                     "wait for some to end",
                 {}};
  }
  if (request.shell) {
    if (auto taken = shell_.take(); !taken) return std::move(taken).error();
  }
  bool fresh = false;
  auto log = enter(request, fresh);
  if (!log || !fresh) {
    if (request.shell) shell_.leave();
    if (!log) return std::move(log).error();
    return CommandStarted{false, *log};
  }
  run(request, *log, std::move(admission));
  return CommandStarted{true, *log};
}

// The intent on disk, then in the table; one at a time, so that two that ask at once get one
// answer.
Result<std::shared_ptr<CallLog>> Commands::enter(const CommandRequest& request, bool& fresh) {
  const std::uint64_t kept =
      request.output_bytes_max == 0 ? kOutputBytesDefault : request.output_bytes_max;
  Lock lock(entering_);
  if (auto known = find(request.op)) return known;
  auto log =
      CallLog::create(directory_, CallIntent{request.op, request.epoch, kept, clock_.wall()});
  if (!log) return log;
  fresh = true;
  table_.with([&](Table& table) { table.known.emplace(request.op, *log); });
  return log;
}

Result<std::shared_ptr<const Descriptor>> Commands::launch(const CommandRequest& request,
                                                           int output) {
  const Moment deadline = clock_.now() + kInnerAnswerWait;
  if (request.shell) return shell_.run(request.arguments[0], output, deadline);
  auto conversation = inner_.open(InnerKind::command, words_of(request), output);
  if (!conversation) return std::move(conversation).error();
  const auto answer = next_answer(conversation->get(), deadline);
  if (!answer || answer->message.kind != InnerKind::started) return inner_gone();
  if (answer->message.value != 0) return cannot_start(request, answer->message.value);
  return std::make_shared<const Descriptor>(*std::move(conversation));
}

void Commands::run(const CommandRequest& request, const std::shared_ptr<CallLog>& log,
                   FreezeGate::Admission admission) {
  auto pipe = make_output_pipe();
  if (!pipe) return end_unstarted(request, *log, pipe.error());
  auto conversation = launch(request, pipe->write.get());
  if (!conversation) return end_unstarted(request, *log, conversation.error());
  pipe->write.reset();
  auto child = std::make_shared<Child>(
      loop_, clock_,
      ChildParts{log, *conversation, std::move(pipe->read), std::move(admission), request.timeout,
                 [this, op = request.op, shell = request.shell](std::optional<ShellState> state) {
                   on_ended(op, shell, std::move(state));
                 }});
  table_.with([&](Table& table) { table.running.emplace(request.op, child); });
  child->begin();
}

void Commands::end_unstarted(const CommandRequest& request, CallLog& log, const Error& why) {
  CallEnd end;
  end.ended = clock_.wall();
  // Whether a silent inner layer had begun with it nobody knows.
  end.lost = why.code == Code::unavailable;
  end.exit_code = why.code == Code::not_found ? 127 : 126;
  log.append(why.message + "\n");
  on_ended(request.op, request.shell, std::nullopt);
  log.finish(end);
}

void Commands::on_ended(const OpId& op, bool shell, std::optional<ShellState> state) {
  std::shared_ptr<Child> done;  // destroyed without the lock
  table_.with([&](Table& table) {
    table.ended.push_back(op);
    const auto found = table.running.find(op);
    if (found == table.running.end()) return;
    done = std::move(found->second);
    table.running.erase(found);
  });
  if (shell) shell_.give_back(std::move(state));
  forget_output_of_oldest();
}

void Commands::forget_output_of_oldest() {
  std::vector<std::shared_ptr<CallLog>> oldest;
  table_.with([&](Table& table) {
    if (table.ended.size() <= kCommandsKeptMax) return;
    const auto keep = table.ended.end() - static_cast<std::ptrdiff_t>(kCommandsKeptMax);
    for (auto op = table.ended.begin(); op != keep; ++op) oldest.push_back(table.known.at(*op));
    table.ended.erase(table.ended.begin(), keep);
  });
  for (const auto& log : oldest) log->drop_output();
}

Result<bool> Commands::signal(const OpId& op, int number) {
  if (number <= 0 || number > 64) {
    return invalid("signal " + std::to_string(number) + " is none; give 1 to 64");
  }
  if (auto known = find(op); !known) return std::move(known).error();
  const auto child = table_.with([&](const Table& table) {
    const auto found = table.running.find(op);
    return found == table.running.end() ? nullptr : found->second;
  });
  return child && child->signal(number);
}

std::vector<CallState> Commands::list() const {
  std::vector<std::shared_ptr<CallLog>> logs;
  table_.with([&](const Table& table) {
    for (const auto& [op, child] : table.running) logs.push_back(child->log());
    for (const OpId& op : table.ended) logs.push_back(table.known.at(op));
  });
  std::vector<CallState> states;
  for (const auto& log : logs) states.push_back(log->state());
  std::sort(states.begin(), states.end(),
            [](const CallState& a, const CallState& b) { return a.started > b.started; });
  if (states.size() > kCommandsKeptMax) states.resize(kCommandsKeptMax);
  return states;
}

}  // namespace outboard::harness
