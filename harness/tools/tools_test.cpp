// The tools on a store and a sandbox in memory.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/memory_store.h"
#include "harness/session/limits.h"
#include "harness/tools/bash.h"
#include "harness/tools/files.h"
#include "harness/tools/skills.h"
#include "tests/support/fake_sandbox.h"

namespace outboard::harness {
namespace {

using nlohmann::json;

class Tools : public ::testing::Test {
 protected:
  Tools() {
    skills_ = store_.add_volume("acme/skills");
    memory_ = store_.add_volume("acme/memory");
    publish(skills_, "/greet", "SKILL.md",
            "---\nname: greet\ndescription: Says <hello>\n---\nSay hello.\n");
    publish(skills_, "/broken", "SKILL.md", "---\nname: [\n---\n");
    publish(skills_, "/no-skill", "README.md", "x");
    publish(memory_, "/", "MEMORY.md", "one\ntwo\n");
  }

  void publish(VolumeId volume, std::string parent, std::string name, std::string bytes) {
    Publish op;
    op.at = NameRef{NodeRef(std::move(parent)), std::move(name)};
    op.bytes = std::move(bytes);
    op.parents = true;
    ASSERT_TRUE(store_.apply({}, volume, Batch{{}, 0, {Step{op, {}}}}));
  }

  CallSite site(const json& input, std::uint32_t index = 0) {
    CallSite site;
    site.op = op_id_of({}, 1, index);
    site.epoch = Epoch{1};
    site.generation = Generation{1};
    site.input = input.dump();
    site.exec = &sandbox_;
    site.seen = &seen_;
    site.deadline = Moment::max();
    return site;
  }

  // plan and act, as the runner does.
  Result<ToolResult> call(Tool& tool, const json& input) {
    const CallSite at = site(input, next_++);
    auto placed = tool.place(at.input);
    if (!placed) return std::move(placed).error();
    auto plan = tool.plan(at);
    if (!plan) return std::move(plan).error();
    return tool.act(at, *plan, [](std::uint64_t, std::string_view) { return true; });
  }

  std::string memory(const std::string& path) {
    VolumeFiles files(store_);
    return files.read({"acme/memory", path, true}, Moment::max())->bytes;
  }

  ManualClock clock_;
  MemoryStore store_{clock_};
  VolumeId skills_, memory_;
  FakeWorld world_;
  FakeSandbox sandbox_{world_, {}, Generation{1}};
  Seen seen_;
  std::uint32_t next_ = 0;
  FilesTool files_{store_,
                   Route({{"/skills", "acme/skills", false}, {"/memory", "acme/memory", true}})};
  BashTool bash_{clock_};
};

TEST_F(Tools, StorePathsNeedNoSandboxAndSkillsAreReadOnly) {
  const auto place = [&](const char* command, const char* path) {
    return files_.place(json{{"command", command}, {"path", path}, {"file_text", ""}}.dump());
  };
  EXPECT_FALSE(place("view", "/skills/greet/SKILL.md")->sandbox);
  EXPECT_FALSE(place("create", "/memory/x")->sandbox);
  EXPECT_EQ(place("create", "/memory/x")->effect, Effect::write);
  EXPECT_TRUE(place("view", "/workspace/x")->sandbox);
  EXPECT_EQ(place("create", "/skills/x").error().code, Code::read_only);
  EXPECT_EQ(place("create", "/memory/../skills/x").error().code, Code::read_only);
  EXPECT_EQ(place("delete", "/memory/x").error().code, Code::invalid);
  EXPECT_FALSE(files_.place("{\"command\": \"vi"));
}

TEST_F(Tools, AFileIsViewedEditedAndItsSeqIsKnown) {
  const auto seen = call(files_, {{"command", "view"}, {"path", "/memory/MEMORY.md"}});
  EXPECT_NE(seen->text.find("     2\ttwo"), std::string::npos);
  const auto edited = call(files_, {{"command", "str_replace"},
                                    {"path", "/memory/MEMORY.md"},
                                    {"old_str", "two"},
                                    {"new_str", "three"}});
  ASSERT_TRUE(edited) << edited.error().message;
  EXPECT_GT(edited->seen.at("acme/memory"), seen->seen.at("acme/memory"));
  EXPECT_EQ(memory("/MEMORY.md"), "one\nthree\n");
  ASSERT_TRUE(call(files_, {{"command", "insert"},
                            {"path", "/memory/MEMORY.md"},
                            {"insert_line", 1},
                            {"new_str", "between"}}));
  EXPECT_EQ(memory("/MEMORY.md"), "one\nbetween\nthree\n");
  ASSERT_TRUE(
      call(files_, {{"command", "create"}, {"path", "/memory/a/b.md"}, {"file_text", "deep"}}));
  EXPECT_EQ(memory("/a/b.md"), "deep");
  const auto listed = call(files_, {{"command", "view"}, {"path", "/memory"}});
  EXPECT_NE(listed->text.find("/memory/a/b.md\n"), std::string::npos);
}

TEST_F(Tools, WhatCannotBeDoneIsSaidInKnownWords) {
  const auto why = [&](const json& input) { return call(files_, input).error().message; };
  EXPECT_EQ(why({{"command", "view"}, {"path", "/memory/none"}}),
            "The path /memory/none does not exist. Please provide a valid path.");
  EXPECT_EQ(why({{"command", "create"}, {"path", "/memory/MEMORY.md"}, {"file_text", ""}}),
            "File already exists at: /memory/MEMORY.md. Cannot overwrite files using command "
            "`create`.");
  EXPECT_EQ(why({{"command", "create"}, {"path", "/memory/x"}}),
            "Parameter `file_text` is required.");
  EXPECT_NE(why({{"command", "view"}, {"path", "MEMORY.md"}}).find("not an absolute path"),
            std::string::npos);
}

TEST_F(Tools, AnEditOnAChangedFileIsRefusedAndNothingIsWritten) {
  const CallSite at = site({{"command", "str_replace"},
                            {"path", "/memory/MEMORY.md"},
                            {"old_str", "two"},
                            {"new_str", "mine"}});
  const auto plan = files_.plan(at);
  ASSERT_TRUE(plan);
  publish(memory_, "/", "MEMORY.md", "theirs\n");
  const auto acted = files_.act(at, *plan, {});
  ASSERT_FALSE(acted);
  EXPECT_EQ(acted.error().code, Code::conflict);
  EXPECT_EQ(memory("/MEMORY.md"), "theirs\n");
}

TEST_F(Tools, ALookTellsWhatBecameOfAWrite) {
  const CallSite at = site({{"command", "create"}, {"path", "/memory/new.md"}, {"file_text", "x"}});
  EXPECT_EQ(files_.look(at, {})->found, Found{});
  const auto plan = files_.plan(at);
  ASSERT_TRUE(files_.act(at, *plan, {}));
  EXPECT_EQ(files_.look(at, {})->found, Found{plan->after});
}

TEST_F(Tools, WorkspaceFilesAreComparedBySha256) {
  ASSERT_TRUE(call(files_, {{"command", "create"}, {"path", "/workspace/f"}, {"file_text", "a"}}));
  const CallSite at = site(
      {{"command", "str_replace"}, {"path", "/workspace/f"}, {"old_str", "a"}, {"new_str", "b"}},
      9);
  const auto plan = files_.plan(at);
  world_.files["/workspace/f"] = "c";
  EXPECT_EQ(files_.act(at, *plan, {}).error().code, Code::conflict);
  EXPECT_EQ(world_.files["/workspace/f"], "c");
}

TEST_F(Tools, BashSaysHowItEnded) {
  seen_["acme/memory"] = 4;
  EXPECT_EQ(call(bash_, {{"command", "print hello"}})->text, "hello\n");
  EXPECT_EQ(world_.barriers.back().at("acme/memory"), Seq{4});
  const auto failed = call(bash_, {{"command", "fail 2"}});
  EXPECT_TRUE(failed->is_error);
  EXPECT_EQ(failed->text, "Exit code 2");
  const auto big = call(bash_, {{"command", "big 100000"}});
  EXPECT_LT(big->text.size(), kResultCharsMax + 100);
  EXPECT_EQ(big->output->size(), 100'000U);
  EXPECT_EQ(call(bash_, {{"command", "x"}, {"timeout_ms", 700'000}}).error().code, Code::invalid);
  EXPECT_EQ(call(bash_, {{"restart", true}}).error().code, Code::unsupported);
}

TEST_F(Tools, BashLooksBeforeItBelieves) {
  CallSite at = site({{"command", "hang"}});
  CallDispatched dispatch{at.op, Epoch{1}, Generation{1}, {}, {}, {}};
  EXPECT_EQ(bash_.look(at, dispatch)->known, Known::never_seen);
  std::stop_source leave;
  leave.request_stop();
  at.leave = leave.get_token();
  EXPECT_EQ(bash_.act(at, {}, [](auto, auto) { return true; }).error().code, Code::timed_out);
  EXPECT_EQ(bash_.look(at, dispatch)->known, Known::running);
  sandbox_.finish(at.op, 0);
  EXPECT_EQ(bash_.look(at, dispatch)->known, Known::finished);
  dispatch.generation = Generation{7};
  EXPECT_EQ(bash_.look(at, dispatch)->known, Known::lost);
  at.exec = nullptr;
  EXPECT_EQ(bash_.look(at, dispatch)->known, Known::lost);
}

TEST_F(Tools, TheCatalogueNamesSkillsAndWhereTheyAre) {
  VolumeFiles files(store_);
  const auto skills = find_skills(files, {"/skills", "acme/skills", false}, Moment::max());
  ASSERT_TRUE(skills) << skills.error().message;
  ASSERT_EQ(skills->size(), 2U);
  EXPECT_EQ((*skills)[0], (Skill{"broken", "", "/skills/broken/SKILL.md"}));
  EXPECT_EQ((*skills)[1], (Skill{"greet", "Says <hello>", "/skills/greet/SKILL.md"}));
  EXPECT_NE(skill_catalogue(*skills).find("Says &lt;hello&gt;"), std::string::npos);
  EXPECT_EQ(skill_catalogue({}), "");
}

}  // namespace
}  // namespace outboard::harness
