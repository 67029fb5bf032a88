// The past, as people ask for it, against an organisation in memory.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "cli/failure.h"
#include "cli/memory_site.h"

namespace outboard::cli {
namespace {

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class PastCommands : public testing::Test {
 protected:
  PastCommands() { site.found_acme(); }

  void put(const std::string& path, const std::string& bytes) {
    const Said said = site.run({"memory", "put", path, "-"}, bytes);
    ASSERT_EQ(said.code, kExitOk) << said.err;
  }
  std::string cat(const std::string& path) { return site.run({"memory", "cat", path}).out; }
  std::string head() {
    const auto log = nlohmann::json::parse(site.run({"log", "--json", "--limit", "1"}).out);
    return std::to_string(log[0]["seq"].get<std::uint64_t>());
  }

  MemorySite site;
};

TEST_F(PastCommands, AFileIsShownAsItWas) {
  put("team/a.md", "one\n");
  const std::string then = head();
  put("team/a.md", "two\n");
  EXPECT_EQ(site.run({"show", "team/a.md"}).out, "two\n");
  EXPECT_EQ(site.run({"show", "team/a.md", "--as-of", then}).out, "one\n");
  EXPECT_EQ(site.run({"show", "team/a.md", "--version", "1"}).out, "one\n");
  const Said future = site.run({"show", "team/a.md", "--as-of", "9999"});
  EXPECT_NE(future.code, kExitOk);
  EXPECT_TRUE(holds(future.err, "has not come yet")) << future.err;
  const Said nonsense = site.run({"show", "team/a.md", "--as-of", "yesterday"});
  EXPECT_TRUE(holds(nonsense.err, "90m, 12h, 3d")) << nonsense.err;
}

TEST_F(PastCommands, DiffShowsLinesOrNames) {
  put("a.md", "1\n2\n3\n");
  put("gone.md", "g\n");
  const std::string then = head();
  put("a.md", "1\ntwo\n3\n");
  put("new.md", "n\n");
  const Said names = site.run({"diff", then, "--names"});
  EXPECT_EQ(names.out, "M  /a.md\nA  /new.md\n") << names.err;
  const Said lines = site.run({"diff", then, "--path", "a.md"});
  EXPECT_EQ(lines.out, "--- /a.md@1\n+++ /a.md@2\n@@ -1,3 +1,3 @@\n 1\n-2\n+two\n 3\n")
      << lines.err;
  EXPECT_TRUE(holds(site.run({"diff", head()}).out, "No difference"));
}

TEST_F(PastCommands, ARestoreSaysWhatItDoesAndADryRunDoesNothing) {
  put("a.md", "one\n");
  put("dir/b.md", "b\n");
  const std::string then = head();
  put("a.md", "two\n");
  put("late.md", "late\n");
  const Said dry = site.run({"restore", "--to", then, "--dry-run"});
  EXPECT_EQ(dry.code, kExitOk) << dry.err;
  EXPECT_TRUE(holds(dry.out, "rewrite")) << dry.out;
  EXPECT_TRUE(holds(dry.out, "/late.md")) << dry.out;
  EXPECT_EQ(cat("a.md"), "two\n");
  const Said done = site.run({"restore", "--to", then});
  EXPECT_EQ(done.code, kExitOk) << done.err;
  EXPECT_TRUE(holds(done.out, "restored 2 changes")) << done.out;
  EXPECT_EQ(cat("a.md"), "one\n");
  EXPECT_EQ(site.run({"restore", "a.md", "--version", "2"}).code, kExitOk);
  EXPECT_EQ(cat("a.md"), "two\n");
  const Said both = site.run({"restore", "--to", then, "--version", "1"});
  EXPECT_TRUE(holds(both.err, "one of --version, --to, --session, --op")) << both.err;
}

TEST_F(PastCommands, RedactionAsksFirst) {
  put("keys.md", "hunter2\n");
  put("keys.md", "moved to the vault\n");
  const Said asked = site.run({"redact", "keys.md", "--version", "1"});
  EXPECT_NE(asked.code, kExitOk);
  EXPECT_TRUE(holds(asked.err, "--yes")) << asked.err;
  EXPECT_EQ(site.run({"show", "keys.md", "--version", "1"}).out, "hunter2\n");
  const Said done = site.run({"redact", "keys.md", "--version", "1", "--yes"});
  EXPECT_EQ(done.code, kExitOk) << done.err;
  const Said gone = site.run({"show", "keys.md", "--version", "1"});
  EXPECT_NE(gone.code, kExitOk);
  EXPECT_TRUE(holds(gone.err, "redacted")) << gone.err;
  EXPECT_EQ(cat("keys.md"), "moved to the vault\n");
  EXPECT_TRUE(holds(site.run({"log"}).out, "(redacted)"));
}

TEST_F(PastCommands, TheLogIsNarrowedByTimeAndAuthor) {
  put("a.md", "1");
  const std::string then = head();
  put("b.md", "2");
  const auto since = nlohmann::json::parse(site.run({"log", "--since", then, "--json"}).out);
  ASSERT_EQ(since.size(), 1U);
  EXPECT_EQ(since[0]["path"], "/b.md");
  EXPECT_EQ(site.run({"log", "--author", "nobody", "--json"}).out, "[]\n");
  EXPECT_TRUE(holds(site.run({"log", "--session", "short"}).err, "is no id"));
}

TEST_F(PastCommands, RetentionIsSetAndApplied) {
  const Said set = site.run({"volume", "set", "acme/memory", "--keep-versions", "10", "--keep-for",
                             "90d", "--keep-bytes", "5MiB"});
  ASSERT_EQ(set.code, kExitOk) << set.err;
  const auto volumes = nlohmann::json::parse(site.run({"volume", "list", "--json"}).out);
  EXPECT_EQ(volumes[0]["keep_versions"], 10);
  EXPECT_EQ(volumes[0]["keep_seconds"], 90 * 24 * 3600);
  EXPECT_EQ(volumes[0]["keep_bytes"], 5 << 20);
  put("a.md", "1");
  const Said collected = site.run({"gc"});
  EXPECT_EQ(collected.code, kExitOk) << collected.err;
  EXPECT_TRUE(holds(collected.out, "its log begins behind seq")) << collected.out;
}

}  // namespace
}  // namespace outboard::cli
