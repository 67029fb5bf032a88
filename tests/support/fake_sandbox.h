// FakeSandboxes: sandboxes in memory that count what commands did, for tests of tools and loop.
//
// A command is a line of words: `print TEXT`, `fail N`, `hang` (runs until killed or finish()),
// `big N` (N bytes of output). Starting one is its side effect and is counted by op id, over all
// incarnations. Before and after each operation `boundary` is called with its name: it may throw,
// to end the harness there, or lose() the sandbox.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "harness/sandboxes/sandbox.h"

namespace outboard::harness {

using Boundary = std::function<void(std::string_view)>;

// What is true outside of the harness, whoever lives or dies.
struct FakeWorld {
  Boundary boundary = [](std::string_view) {};
  std::map<OpId, int> effects;               // how often each command ran
  std::map<std::string, std::string> files;  // of the workspace; outlives its sandbox
  std::vector<SeqMap> barriers;              // of each start
  int created = 0;
  int frozen = 0;
};

class FakeSandbox final : public Sandbox, public Exec {
 public:
  FakeSandbox(FakeWorld& world, SessionId session, Generation generation)
      : world_(world), session_(session), generation_(generation) {}

  SessionId session() const override { return session_; }
  Generation generation() const override { return generation_; }
  Exec& exec() override { return *this; }
  bool lost() const override { return lost_; }
  std::string workspace() const override { return {}; }

  void lose() { lost_ = true; }
  void finish(OpId op, std::int32_t exit_code) {
    commands_.at(op).state.running = false;
    commands_.at(op).state.exit_code = exit_code;
  }
  bool knows(OpId op) const { return commands_.contains(op); }

  Result<ExecStarted> start(const ExecCommand& command, Moment) override {
    world_.boundary("start");
    if (auto there = check(command.epoch); !there) return std::move(there).error();
    if (command.generation != generation_) return fenced();
    const auto [at, fresh] = commands_.try_emplace(command.op);
    if (fresh) {
      ++world_.effects[command.op];
      world_.barriers.push_back(command.barrier);
      at->second.state.op = command.op;
      run(at->second, command.arguments.at(0));
    }
    const ExecStarted started{fresh, at->second.state};
    world_.boundary("started");
    if (lost_) return gone();
    return started;
  }

  Result<ExecState> attach(const OpId& op, std::uint64_t offset, const OutputSink& sink,
                           Moment) override {
    world_.boundary("attach");
    if (lost_) return gone();
    const auto found = commands_.find(op);
    if (found == commands_.end()) return unknown(op);
    const std::string& output = found->second.output;
    if (offset < output.size() && !sink(offset, std::string_view(output).substr(offset))) {
      return found->second.state;
    }
    world_.boundary("attached");
    if (lost_) return gone();
    if (found->second.state.running) return Error{Code::timed_out, "it runs"};
    return found->second.state;
  }

  Result<bool> signal(const OpId& op, Epoch epoch, int number, Moment) override {
    if (auto there = check(epoch); !there) return std::move(there).error();
    const auto found = commands_.find(op);
    if (found == commands_.end()) return unknown(op);
    if (!found->second.state.running) return false;
    found->second.state.running = false;
    found->second.state.signal = number;
    return true;
  }

  Result<ExecState> wait(const OpId& op, Moment) override {
    if (lost_) return gone();
    const auto found = commands_.find(op);
    if (found == commands_.end()) return unknown(op);
    if (found->second.state.running) return Error{Code::timed_out, "it runs"};
    return found->second.state;
  }

  Result<std::vector<ExecState>> commands(Moment) override {
    world_.boundary("commands");
    if (lost_) return gone();
    std::vector<ExecState> states;
    for (const auto& [op, command] : commands_) states.push_back(command.state);
    return states;
  }

  Result<FreezeOutcome> freeze(Epoch epoch, Moment) override {
    if (auto there = check(epoch); !there) return std::move(there).error();
    ++world_.frozen;
    return FreezeOutcome{};
  }
  Result<std::chrono::microseconds> thaw(Epoch epoch, const SeqMap&, Moment) override {
    if (auto there = check(epoch); !there) return std::move(there).error();
    return std::chrono::microseconds{0};
  }

  Result<FileContent> read_file(std::string_view path, std::uint64_t, std::uint64_t,
                                Moment) override {
    world_.boundary("read_file");
    if (lost_) return gone();
    const auto found = world_.files.find(std::string(path));
    if (found == world_.files.end()) return Error{Code::not_found, "no such file"};
    return FileContent{found->second, found->second.size(), sha256(found->second)};
  }

  Result<FileWritten> write_file(const FileWrite& write, Moment) override {
    world_.boundary("write_file");
    if (auto there = check(write.epoch); !there) return std::move(there).error();
    const auto found = world_.files.find(write.path);
    const Sha256 now = found == world_.files.end() ? Sha256{} : sha256(found->second);
    if (write.expected && now != *write.expected && now != sha256(write.bytes)) {
      return Error{Code::conflict, "it is another"};
    }
    ++world_.effects[write.op];
    world_.files[write.path] = write.bytes;
    world_.boundary("written");
    if (lost_) return gone();
    return FileWritten{sha256(write.bytes), false};
  }

 private:
  struct Command {
    ExecState state;
    std::string output;
  };

  static Error gone() { return {Code::unavailable, "the sandbox does not answer"}; }
  static Error fenced() { return {Code::fenced, "another has taken over"}; }
  static Error unknown(const OpId& op) { return {Code::not_found, "never saw " + to_string(op)}; }
  Status check(Epoch epoch) {
    if (lost_) return gone();
    if (epoch < epoch_) return fenced();
    epoch_ = epoch;
    return success();
  }
  static void run(Command& command, const std::string& line) {
    const std::size_t space = line.find(' ');
    const std::string word = line.substr(0, space);
    const std::string rest = space == std::string::npos ? "" : line.substr(space + 1);
    if (word == "print") command.output = rest + "\n";
    if (word == "fail") command.state.exit_code = std::stoi(rest);
    if (word == "big") command.output = std::string(std::stoul(rest), 'x');
    if (word == "hang") {
      command.output = "so far\n";
      command.state.running = true;
    }
    command.state.output_bytes = command.output.size();
  }

  FakeWorld& world_;
  const SessionId session_;
  const Generation generation_;
  Epoch epoch_;
  bool lost_ = false;
  std::map<OpId, Command> commands_;
};

class FakeSandboxes final : public Sandboxes {
 public:
  explicit FakeSandboxes(FakeWorld& world) : world_(world) {}

  Result<std::shared_ptr<Sandbox>> open(const SessionId& session, Moment) override {
    world_.boundary("open");
    const auto found = sandboxes_.find(session);
    if (found == sandboxes_.end() || found->second->lost()) {
      return Error{Code::not_found, "it has no sandbox"};
    }
    return std::shared_ptr<Sandbox>(found->second);
  }
  Result<std::shared_ptr<Sandbox>> create(const SandboxSpec& spec, Moment) override {
    world_.boundary("create");
    const auto found = sandboxes_.find(spec.session);
    if (found != sandboxes_.end()) {
      if (!found->second->lost()) return Error{Code::exists, "it has one"};
      if (found->second->generation() >= spec.generation) {
        return Error{Code::fenced, "a later generation was here"};
      }
    }
    ++world_.created;
    sandboxes_[spec.session] = std::make_shared<FakeSandbox>(world_, spec.session, spec.generation);
    world_.boundary("created");
    return std::shared_ptr<Sandbox>(sandboxes_[spec.session]);
  }
  Status destroy(const SessionId& session, Moment) override {
    sandboxes_.erase(session);
    return success();
  }
  Result<std::vector<SessionId>> sessions() override { return std::vector<SessionId>{}; }

  // Nothing: it has none.
  FakeSandbox* find(const SessionId& session) {
    const auto found = sandboxes_.find(session);
    return found == sandboxes_.end() ? nullptr : found->second.get();
  }

 private:
  FakeWorld& world_;
  std::map<SessionId, std::shared_ptr<FakeSandbox>> sandboxes_;
};

}  // namespace outboard::harness
