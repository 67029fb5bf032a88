#include "harness/loop/runner.h"

#include <gtest/gtest.h>

#include "core/memory_store.h"
#include "harness/journal/memory_journal.h"
#include "harness/models/scripted.h"
#include "harness/session/limits.h"
#include "harness/tools/bash.h"
#include "harness/tools/files.h"
#include "tests/support/fake_sandbox.h"

namespace outboard::harness {
namespace {

const SessionId kSession{*parse_uuid("11111111-2222-4333-8444-555555555555")};

// The process is killed here: nothing of the runner runs after it.
struct Killed {};

constexpr const char* kScenario = R"(
name: everything
turns:
  - text: I begin.
    calls:
      - {tool: bash, input: {command: print hello}}
      - tool: str_replace_based_edit_tool
        input: {command: create, path: /memory/note.md, file_text: "one\ntwo\n"}
      - {tool: str_replace_based_edit_tool, input: {command: view, path: /skills/greet/SKILL.md}}
  - calls:
      - tool: str_replace_based_edit_tool
        input: {command: str_replace, path: /memory/note.md, old_str: two, new_str: three}
      - {tool: bash, input: {command: fail 3}}
      - tool: str_replace_based_edit_tool
        input: {command: create, path: /workspace/x, file_text: x}
  - calls:
      - tool: str_replace_based_edit_tool
        input: {command: insert, path: /workspace/x, insert_line: 1, insert_text: y}
      - {tool: bash, input: {command: big 70000}}
      - {tool: moon, input: {}}
  - text: Done.
)";

class BoundaryModel final : public Model {
 public:
  BoundaryModel(Model& inner, const Boundary& at) : inner_(inner), at_(at) {}
  Result<Answer> ask(const Prompt& prompt, AnswerSink& sink, const std::stop_token& stop,
                     Moment deadline) override {
    EXPECT_TRUE(check_prompt(prompt));
    at_("ask");
    auto answer = inner_.ask(prompt, sink, stop, deadline);
    at_("answered");
    return answer;
  }

 private:
  Model& inner_;
  const Boundary& at_;
};

class BoundaryTool final : public Tool {
 public:
  BoundaryTool(std::unique_ptr<Tool> inner, const Boundary& at)
      : inner_(std::move(inner)), at_(at) {}
  const ToolSpec& spec() const override { return inner_->spec(); }
  Result<Placed> place(std::string_view input) const override { return inner_->place(input); }
  Result<Plan> plan(const CallSite& site) override { return inner_->plan(site); }
  Result<ToolResult> act(const CallSite& site, const Plan& plan, const OutputSink& live) override {
    at_("act");
    auto result = inner_->act(site, plan, live);
    at_("acted");
    return result;
  }
  Result<Sighting> look(const CallSite& site, const CallDispatched& dispatch) override {
    return inner_->look(site, dispatch);
  }
  Result<ToolResult> resume(const CallSite& site, std::uint64_t offset, std::string printed,
                            const OutputSink& live) override {
    at_("resume");
    return inner_->resume(site, offset, std::move(printed), live);
  }

 private:
  std::unique_ptr<Tool> inner_;
  const Boundary& at_;
};

// Before and after each append; `lose_answer` makes one append happen and its answer get lost.
class BoundaryJournal final : public Journal {
 public:
  BoundaryJournal(Journal& inner, const Boundary& at) : inner_(inner), at_(at) {}
  bool lose_answer = false;

  Result<Appended> append(const Append& append, Moment deadline) override {
    at_("append");
    auto appended = inner_.append(append, deadline);
    at_("appended");
    if (std::exchange(lose_answer, false)) return Error{Code::unavailable, "connection lost"};
    return appended;
  }
  Result<Created> create(const NewSession& s, Moment d) override { return inner_.create(s, d); }
  Result<SessionInfo> describe(SessionId s, Moment d) override { return inner_.describe(s, d); }
  Result<FoundSessions> find(const SessionQuery& q, Moment d) override { return inner_.find(q, d); }
  Result<std::vector<SessionInfo>> claim(std::string_view w, const std::vector<SessionId>& held,
                                         std::size_t n, Moment d) override {
    return inner_.claim(w, held, n, d);
  }
  Status release(const Release& release, Moment deadline) override {
    at_("release");
    return inner_.release(release, deadline);
  }
  Result<std::unique_ptr<WorkStream>> work(std::string_view w, std::shared_ptr<WorkSink> s,
                                           Moment d) override {
    return inner_.work(w, std::move(s), d);
  }
  Status replay(SessionId s, std::uint64_t after, const std::function<bool(Record)>& take,
                Moment d) override {
    return inner_.replay(s, after, take, d);
  }
  Result<std::unique_ptr<Tail>> tail(SessionId s, std::uint64_t after, Moment d) override {
    return inner_.tail(s, after, d);
  }
  Result<bool> post(SessionId s, const InboxItem& item, Moment d) override {
    return inner_.post(s, item, d);
  }
  Result<std::vector<InboxItem>> inbox(SessionId s, Moment d) override {
    return inner_.inbox(s, d);
  }

 private:
  Journal& inner_;
  const Boundary& at_;
};

// All that outlives a harness, and the making of runners for it.
class World {
 public:
  explicit World(const char* scenario = kScenario) : model_(*parse_scenario("test", scenario)) {
    const VolumeId skills = store_.add_volume("acme/skills");
    store_.add_volume("acme/memory");
    Publish publish;
    publish.at = NameRef{NodeRef(std::string("/greet")), "SKILL.md"};
    publish.bytes = "---\nname: greet\n---\nSay hello.\n";
    publish.parents = true;
    EXPECT_TRUE(store_.apply({}, skills, Batch{{}, 0, {Step{publish, {}}}}));
    EXPECT_TRUE(journal_.create({kSession, "1", {}}, Moment::max()));
    post("hello");
  }

  void post(std::variant<std::string, InterruptRequest, Approval> content) {
    EXPECT_TRUE(journal_.post(kSession, {random_uuid(), "ada", {}, std::move(content)}, {}));
  }

  // A new process that claims the session and runs it; what an earlier one held is let go by time.
  std::optional<Rest> run(const std::function<void(Runner&)>& before = {}) {
    clock_.advance(kLease + std::chrono::milliseconds(1));
    auto claimed = journal_.claim("w", {}, 1, {});
    EXPECT_EQ(claimed->size(), 1U);
    if (claimed->empty()) return std::nullopt;
    BoundaryModel model(model_, sandbox_world.boundary);
    std::vector<std::unique_ptr<Tool>> tools;
    const Route route({{"/skills", "acme/skills", false}, {"/memory", "acme/memory", true}});
    tools.push_back(
        std::make_unique<BoundaryTool>(std::make_unique<BashTool>(clock_), sandbox_world.boundary));
    tools.push_back(std::make_unique<BoundaryTool>(std::make_unique<FilesTool>(store_, route),
                                                   sandbox_world.boundary));
    Toolbox toolbox(std::move(tools));
    Runner runner({faulty_journal, blobs_, model, toolbox, sandboxes, watcher_, clock_, "w",
                   [&] {
                     return Result<Opening>(Opening{"helper", "m", "Be kind.", approve, false});
                   },
                   [](const State&, Generation) { return Result<SandboxSpec>(SandboxSpec{}); }},
                  claimed->front());
    if (before) before(runner);
    try {
      return runner.run();
    } catch (const Killed&) {
      return std::nullopt;
    }
  }

  State state() {
    State state;
    EXPECT_TRUE(journal_.replay(kSession, 0,
                                [&](const Record& record) {
                                  state = fold(std::move(state), record.event);
                                  EXPECT_EQ(record.seq, state.events);
                                  return true;
                                },
                                {}));
    return state;
  }

  std::string memory(const std::string& path) {
    VolumeFiles files(store_);
    const auto image = files.read({"acme/memory", path, true}, {});
    return image ? image->bytes : "";
  }
  Version memory_version(const std::string& path) {
    VolumeFiles files(store_);
    const auto image = files.read({"acme/memory", path, true}, {});
    return image ? image->version : Version{};
  }
  std::string text_of(const CallState& call) {
    return call.result.blob ? *blobs_.get(*call.result.blob, {}) : call.result.text;
  }
  FakeSandbox* sandbox() { return sandboxes.find(kSession); }
  SessionPhase phase() { return journal_.describe(kSession, {})->phase; }

 private:
  ManualClock clock_;
  MemoryStore store_{clock_};
  MemoryJournal journal_{clock_};
  MemoryBlobs blobs_;
  ScriptedModel model_;
  NobodyWatches watcher_;

 public:
  FakeWorld sandbox_world;
  FakeSandboxes sandboxes{sandbox_world};
  BoundaryJournal faulty_journal{journal_, sandbox_world.boundary};
  std::vector<std::string> approve;
};

std::vector<CallState> calls_of(const State& state) {
  std::vector<CallState> calls;
  for (const Item& item : state.items) {
    if (const auto* answer = std::get_if<AssistantItem>(&item)) {
      calls.insert(calls.end(), answer->calls.begin(), answer->calls.end());
    }
  }
  return calls;
}

bool is_command(const CallState& call) {
  return call.intent.effect == Effect::command && call.intent.tool == "bash";
}

// Ran to its end, each call with one result, each effect once.
void expect_whole(World& world) {
  const State state = world.state();
  EXPECT_EQ(state.life, Life::running) << state.diagnosis;
  EXPECT_EQ(world.phase(), SessionPhase::waiting);
  ASSERT_NE(state.last_answer(), nullptr);
  EXPECT_EQ(state.last_answer()->text.text, "Done.");
  const auto calls = calls_of(state);
  EXPECT_EQ(calls.size(), 9U);  // none lost
  for (const CallState& call : calls) {
    EXPECT_EQ(call.stage, CallStage::finished) << call.intent.tool;  // none orphaned
    if (is_command(call)) {
      EXPECT_EQ(world.sandbox_world.effects[call.intent.op], 1);  // none doubled
    }
  }
  EXPECT_EQ(world.memory("/note.md"), "one\nthree\n");
  EXPECT_EQ(world.memory_version("/note.md"), Version{2});
  EXPECT_EQ(world.sandbox_world.files["/workspace/x"], "x\ny");
  EXPECT_EQ(world.sandbox_world.created, 1);
}

TEST(Runner, ASessionRunsFromItsFirstMessageToRest) {
  World world;
  const auto rest = world.run();
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->kind, RestKind::released) << rest->why;
  expect_whole(world);
  const auto calls = calls_of(world.state());
  EXPECT_EQ(world.text_of(calls[0]), "hello\n");
  EXPECT_EQ(world.text_of(calls[1]), "File created successfully at: /memory/note.md");
  EXPECT_NE(world.text_of(calls[2]).find("Say hello."), std::string::npos);
  EXPECT_NE(world.text_of(calls[3]).find("     2\tthree"), std::string::npos);
  EXPECT_EQ(world.text_of(calls[4]), "Exit code 3");
  EXPECT_TRUE(calls[4].is_error);
  EXPECT_LT(world.text_of(calls[7]).size(), kResultCharsMax + 100);
  EXPECT_TRUE(calls[7].output);
  EXPECT_NE(world.text_of(calls[8]).find("no tool named moon"), std::string::npos);
  // bash sees what the file tool wrote to a volume before it.
  EXPECT_EQ(world.sandbox_world.barriers.at(1).at("acme/memory"), Seq{2});
  EXPECT_GT(world.sandbox_world.frozen, 0);
}

// Calls `what` at the k-th boundary. False: the session has fewer.
bool run_with(World& world, int k, const std::function<void()>& what) {
  int count = 0;
  world.sandbox_world.boundary = [&](std::string_view) {
    if (++count == k) what();
  };
  world.run();
  world.sandbox_world.boundary = [](std::string_view) {};
  return count >= k;
}

TEST(Runner, KilledAtAnyBoundaryNothingIsLostDoubledOrOrphaned) {
  int k = 1;
  for (;; ++k) {
    SCOPED_TRACE("killed at boundary " + std::to_string(k));
    World world;
    if (!run_with(world, k, [] { throw Killed{}; })) break;
    ASSERT_TRUE(world.run());
    expect_whole(world);
    if (HasFailure()) return;
  }
  EXPECT_GT(k, 60);
}

TEST(Runner, KilledTwiceInARowAtAnyBoundary) {
  for (int k = 1;; ++k) {
    SCOPED_TRACE("killed at boundary " + std::to_string(k));
    World world;
    if (!run_with(world, k, [] { throw Killed{}; })) break;
    run_with(world, 3, [] { throw Killed{}; });
    if (world.phase() != SessionPhase::waiting) {
      ASSERT_TRUE(world.run());
    }
    expect_whole(world);
    if (HasFailure()) return;
  }
}

TEST(Runner, AnAnswerOfTheJournalLostAtAnyBoundaryChangesNothing) {
  for (int k = 1;; ++k) {
    SCOPED_TRACE("answer lost at boundary " + std::to_string(k));
    World world;
    if (!run_with(world, k, [&] { world.faulty_journal.lose_answer = true; })) break;
    expect_whole(world);
    if (HasFailure()) return;
  }
}

void expect_true(World& world) {
  const State state = world.state();
  EXPECT_EQ(world.phase(), SessionPhase::waiting) << state.diagnosis;
  EXPECT_EQ(state.last_answer()->text.text, "Done.");
  for (const CallState& call : calls_of(state)) {
    const int effects = world.sandbox_world.effects[call.intent.op];
    EXPECT_TRUE(call.terminal());
    if (is_command(call)) {
      EXPECT_LE(effects, 1);
      if (call.stage == CallStage::finished) {
        EXPECT_EQ(effects, 1) << "a result was invented";
      }
    }
    if (call.stage == CallStage::lost) {
      EXPECT_NE(world.text_of(call).find("fully, partly or not at all"), std::string::npos);
    }
  }
  EXPECT_EQ(world.memory("/note.md"), "one\nthree\n");
  EXPECT_EQ(world.sandbox_world.files["/workspace/x"], "x\ny");
}

TEST(Runner, TheSandboxLostAtAnyBoundaryEveryOutcomeIsTrue) {
  int lost = 0;
  for (int k = 1;; ++k) {
    SCOPED_TRACE("sandbox lost at boundary " + std::to_string(k));
    World world;
    const auto lose = [&] {
      if (world.sandbox() != nullptr) world.sandbox()->lose();
    };
    if (!run_with(world, k, lose)) break;
    expect_true(world);
    for (const CallState& call : calls_of(world.state())) lost += call.stage == CallStage::lost;
    if (HasFailure()) return;
  }
  EXPECT_GT(lost, 3);  // it was not only ever lost between calls
}

TEST(Runner, HarnessAndSandboxLostTogetherEveryOutcomeIsTrue) {
  for (int k = 1;; ++k) {
    SCOPED_TRACE("both lost at boundary " + std::to_string(k));
    World world;
    const auto both = [&] {
      if (world.sandbox() != nullptr) world.sandbox()->lose();
      throw Killed{};
    };
    if (!run_with(world, k, both)) break;
    ASSERT_TRUE(world.run());
    expect_true(world);
    if (HasFailure()) return;
  }
}

TEST(Runner, ThreeCrashesOnOneTurnFailTheSession) {
  World world;
  for (int i = 0; i < 4 && world.phase() != SessionPhase::failed; ++i) {
    world.sandbox_world.boundary = [](std::string_view at) {
      if (at == "ask") throw Killed{};
    };
    world.run();
  }
  EXPECT_EQ(world.phase(), SessionPhase::failed);
  EXPECT_NE(world.state().diagnosis.find("3 workers died"), std::string::npos);
}

constexpr const char* kHanging = R"(
turns:
  - calls:
      - {tool: bash, input: {command: hang}}
      - {tool: bash, input: {command: print never}}
  - text: Done.
)";

OpId first_op() {
  return op_id_of(kSession, 1, 0);
}

TEST(Runner, ACommandThatRunsOnWhileTheHarnessIsDeadGivesItsTrueResult) {
  World world(kHanging);
  world.sandbox_world.boundary = [](std::string_view at) {
    if (at == "attached") throw Killed{};
  };
  EXPECT_FALSE(world.run());
  world.sandbox()->finish(first_op(), 0);
  world.sandbox_world.boundary = [](std::string_view) {};
  ASSERT_TRUE(world.run());
  const auto calls = calls_of(world.state());
  EXPECT_EQ(world.text_of(calls[0]), "so far\n");
  EXPECT_EQ(world.sandbox_world.effects[first_op()], 1);
}

TEST(Runner, AnInterruptKillsAndKeepsWhatWasPrinted) {
  World world(kHanging);
  Runner* running = nullptr;
  bool sent = false;
  world.sandbox_world.boundary = [&](std::string_view at) {
    if (at != "attached" || std::exchange(sent, true)) return;
    world.post(InterruptRequest{});
    running->notice();
  };
  ASSERT_TRUE(world.run([&](Runner& runner) { running = &runner; }));
  const State state = world.state();
  const auto calls = calls_of(state);
  EXPECT_NE(world.text_of(calls[0]).find("interrupted"), std::string::npos);
  EXPECT_NE(world.text_of(calls[0]).find("so far"), std::string::npos);
  EXPECT_EQ(calls[1].stage, CallStage::denied);
  EXPECT_EQ(world.phase(), SessionPhase::waiting);
  world.post("go on");
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.state().last_answer()->text.text, "Done.");
}

TEST(Runner, AWorkerThatLeavesHandsOverAndKillsNothing) {
  World world(kHanging);
  Runner* running = nullptr;
  world.sandbox_world.boundary = [&](std::string_view at) {
    if (at == "attached" && running != nullptr) running->leave();
  };
  const auto rest = world.run([&](Runner& runner) { running = &runner; });
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->kind, RestKind::released);
  EXPECT_EQ(world.phase(), SessionPhase::runnable);
  running = nullptr;
  world.sandbox()->finish(first_op(), 0);
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.state().crashes, 0U);
  EXPECT_EQ(world.sandbox_world.effects[first_op()], 1);
}

TEST(Runner, ACallThatNeedsApprovalWaitsForIt) {
  World world(R"({"turns": [{"calls": [{"tool": "bash", "input": {"command": "print a"}}]},
                            {"text": "Done."}]})");
  world.approve = {"bash"};
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.phase(), SessionPhase::waiting);
  EXPECT_EQ(world.sandbox_world.created, 0);
  world.post(Approval{first_op(), true, ""});
  ASSERT_TRUE(world.run());
  EXPECT_EQ(world.sandbox_world.effects[first_op()], 1);
  EXPECT_EQ(world.state().last_answer()->text.text, "Done.");
}

TEST(Runner, AFencedRunnerStopsAtOnce) {
  World world;
  bool taken = false;
  world.sandbox_world.boundary = [&](std::string_view at) {
    if (at != "ask" || std::exchange(taken, true)) return;
    world.run();  // another worker: the lease has run out
  };
  const auto rest = world.run();
  ASSERT_TRUE(rest);
  EXPECT_EQ(rest->kind, RestKind::fenced);
  expect_whole(world);
}

}  // namespace
}  // namespace outboard::harness
