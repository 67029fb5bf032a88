// The commands as people type them, against an organisation in memory.
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "cli/failure.h"
#include "cli/memory_site.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;
using testing::Test;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::string content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Commands : public Test {
 protected:
  Commands() {
    std::string pattern = (fs::temp_directory_path() / "outboard-cli-XXXXXX").string();
    folder = ::mkdtemp(pattern.data());
    site.found_acme();
  }
  ~Commands() override {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }

  fs::path write(const std::string& path, const std::string& bytes) {
    const fs::path full = folder / path;
    fs::create_directories(full.parent_path());
    std::ofstream(full, std::ios::binary) << bytes;
    return full;
  }
  void write_skill(const std::string& name, const std::string& text = "Do it.") {
    write("skills/" + name + "/SKILL.md",
          "---\nname: " + name + "\ndescription: Does " + name + ".\n---\n" + text + "\n");
  }
  std::string skills() const { return (folder / "skills").string(); }

  fs::path folder;
  MemorySite site;
};

TEST_F(Commands, OrganisationsUsersAndVolumesAreListed) {
  EXPECT_EQ(site.run({"user", "create", "acme/ada"}).code, kExitOk);
  EXPECT_TRUE(holds(site.run({"user", "list"}).out, "acme/ada"));
  EXPECT_TRUE(holds(site.run({"org", "list"}).out, "acme"));
  const auto volumes = nlohmann::json::parse(site.run({"volume", "list", "--json"}).out);
  ASSERT_EQ(volumes.size(), 2U);
  EXPECT_EQ(volumes[0]["name"], "acme/memory");
  EXPECT_EQ(volumes[0]["policy"], "last-writer");
}

TEST_F(Commands, SettingAVolumeKeepsWhatIsNotGiven) {
  ASSERT_EQ(site.run({"volume", "set", "acme/memory", "--quota-bytes", "1GiB"}).code, kExitOk);
  ASSERT_EQ(site.run({"volume", "set", "acme/memory", "--policy", "refuse"}).code, kExitOk);
  const auto volumes = nlohmann::json::parse(site.run({"volume", "list", "--json"}).out);
  EXPECT_EQ(volumes[0]["quota_bytes"], 1U << 30U);
  EXPECT_EQ(volumes[0]["policy"], "refuse");
  EXPECT_TRUE(holds(site.run({"volume", "set", "acme/nope"}).err, "outboard volume list acme"));
}

TEST_F(Commands, ATokensSecretIsShownOnce) {
  const Said said = site.run({"token", "mint", "acme/ada", "--grant", "acme/skills:ro", "--grant",
                              "acme/memory:rw", "--life", "1h"});
  EXPECT_EQ(said.out, "ob_secret-of-1\n");
  EXPECT_TRUE(holds(said.err, "acme/skills:ro acme/memory:rw"));
  EXPECT_FALSE(holds(site.run({"token", "list"}).out, "ob_secret"));
  EXPECT_EQ(site.run({"token", "revoke", "1"}).code, kExitOk);
  EXPECT_FALSE(holds(site.run({"token", "list"}).out, "ada"));
  EXPECT_TRUE(holds(site.run({"token", "list", "--all"}).out, "revoked"));
}

TEST_F(Commands, ATokenWithoutGrantsIsBoundAndOneIsRenewed) {
  EXPECT_TRUE(holds(site.run({"token", "mint", "acme/ada"}).err, "bound"));
  EXPECT_TRUE(holds(site.run({"token", "renew", "1", "--life", "2h"}).out, "renewed token 1"));
  EXPECT_EQ(site.run({"token", "renew", "1", "--life", "0s"}).code, kExitRefused);
  EXPECT_EQ(site.run({"token", "renew", "9"}).code, kExitRefused);
}

TEST_F(Commands, SigningInNeedsNoTokenBefore) {
  site.environment.erase("OUTBOARD_TOKEN");
  const fs::path file = write("id.jwt", "a.good.one\n");
  EXPECT_EQ(site.run({"login", "--oidc-token-file", file.string()}).out, "ob_signed-in\n");
  EXPECT_EQ(site.run({"login", "--oidc-token-file", "-"}, "a.good.one\n").out, "ob_signed-in\n");
  EXPECT_EQ(site.run({"login", "--oidc-token-file", "-"}, "a.bad.one").code, kExitRefused);
  EXPECT_EQ(site.run({"login", "--oidc-token-file", "-"}, "").code, kExitRefused);
  EXPECT_NE(site.run({"token", "list"}).code, kExitOk);
}

TEST_F(Commands, ATokensFileIsItsOwnersAlone) {
  const fs::path file = folder / "ada.token";
  const Said said = site.run({"token", "mint", "acme/ada", "--admin", "--to-file", file.string()});
  EXPECT_EQ(said.code, kExitOk);
  EXPECT_EQ(said.out, "");
  EXPECT_EQ(content_of(file), "ob_secret-of-1\n");
  struct stat found {};
  ASSERT_EQ(::stat(file.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
}

TEST_F(Commands, ATokenThatCannotBeKeptIsNotMinted) {
  const std::string nowhere = (folder / "no" / "where").string();
  EXPECT_EQ(site.run({"token", "mint", "acme/ada", "--admin", "--to-file", nowhere}).code,
            kExitRefused);
  EXPECT_EQ(site.run({"token", "list", "--json"}).out, "[]\n");
}

TEST_F(Commands, PushSendsOnlyWhatDiffers) {
  write_skill("one");
  write_skill("two");
  const fs::path script = write("skills/two/scripts/run.sh", "#!/bin/sh\n");
  fs::permissions(script, fs::perms::owner_all);
  fs::create_symlink("run.sh", folder / "skills/two/scripts/go");
  const Said first = site.run({"skills", "push", skills()});
  ASSERT_EQ(first.code, kExitOk) << first.err;
  EXPECT_TRUE(holds(first.out, "+ one")) << first.out;
  EXPECT_TRUE(holds(first.out, "new, 3 files")) << first.out;
  const Said again = site.run({"skills", "push", skills()});
  EXPECT_TRUE(holds(again.out, "pushed 0 of 2 skills")) << again.out;
  write_skill("one", "Do it better.");
  const Said changed = site.run({"skills", "push", skills()});
  EXPECT_TRUE(holds(changed.out, "~ one  1 changed")) << changed.out;
  const auto log = nlohmann::json::parse(
      site.run({"log", "--volume", "acme/skills", "--json", "--limit", "1"}).out);
  EXPECT_EQ(log[0]["path"], "/one/SKILL.md");
  EXPECT_EQ(log[0]["version"], 2);
}

TEST_F(Commands, WhatWasPushedComesBackTheSame) {
  write_skill("two");
  const fs::path script = write("skills/two/scripts/run.sh", "#!/bin/sh\n");
  write("skills/two/assets/big.bin", std::string(3U << 20U, 'x'));
  fs::permissions(script, fs::perms::owner_all);
  fs::create_symlink("run.sh", folder / "skills/two/scripts/go");
  ASSERT_EQ(site.run({"skills", "push", skills()}).code, kExitOk);
  const fs::path back = folder / "back";
  const Said pulled = site.run({"skills", "pull", back.string()});
  ASSERT_EQ(pulled.code, kExitOk) << pulled.err;
  EXPECT_EQ(content_of(back / "two/SKILL.md"), content_of(folder / "skills/two/SKILL.md"));
  EXPECT_EQ(fs::file_size(back / "two/assets/big.bin"), 3U << 20U);
  EXPECT_EQ(fs::read_symlink(back / "two/scripts/go"), "run.sh");
  EXPECT_NE(fs::status(back / "two/scripts/run.sh").permissions() & fs::perms::owner_exec,
            fs::perms::none);
  EXPECT_TRUE(holds(site.run({"skills", "pull", back.string()}).out, "pulled 0 files"));
}

TEST_F(Commands, PullWritesThroughNoSymlink) {
  write_skill("one");
  write("skills/one/deep/file", "x");
  ASSERT_EQ(site.run({"skills", "push", skills()}).code, kExitOk);
  const fs::path outside = folder / "outside";
  fs::create_directories(outside);
  fs::create_directories(folder / "back/one");
  fs::create_symlink(outside, folder / "back/one/deep");
  const Said said = site.run({"skills", "pull", (folder / "back").string()});
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(fs::is_empty(outside));
}

TEST_F(Commands, DeleteRemovesFilesAndWholeSkills) {
  write_skill("one");
  write("skills/one/old/a.md", "a");
  write_skill("two");
  ASSERT_EQ(site.run({"skills", "push", skills()}).code, kExitOk);
  fs::remove_all(folder / "skills/one/old");
  fs::remove_all(folder / "skills/two");
  const Said kept = site.run({"skills", "push", skills()});
  EXPECT_TRUE(holds(kept.out, "pushed 0 of 1 skill")) << kept.out;
  const Said dry = site.run({"skills", "push", skills(), "--delete", "--dry-run"});
  EXPECT_TRUE(holds(dry.out, "- two  gone, 1 removed")) << dry.out;
  EXPECT_TRUE(holds(site.run({"skills", "list"}).out, "two"));
  ASSERT_EQ(site.run({"skills", "push", skills(), "--delete"}).code, kExitOk);
  const std::string listed = site.run({"skills", "list"}).out;
  EXPECT_FALSE(holds(listed, "two")) << listed;
  const auto one = nlohmann::json::parse(site.run({"skills", "list", "--json"}).out)[0];
  EXPECT_EQ(one["files"], 1);
  EXPECT_EQ(one["description"], "Does one.");
}

TEST_F(Commands, S22_OneBrokenSkillAndNothingIsPushed) {
  write_skill("good");
  write("skills/bad/SKILL.md", "---\nname: Bad\ndescription: d\nowner: me\n---\nx\n");
  const Said said = site.run({"skills", "push", skills()});
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.err, "bad/SKILL.md:2: the name \"Bad\"")) << said.err;
  EXPECT_TRUE(holds(said.err, "SKILL.md:4: unknown key \"owner\"")) << said.err;
  EXPECT_TRUE(holds(said.err, "nothing was pushed: 1 of 2 skills")) << said.err;
  EXPECT_EQ(site.run({"skills", "list", "--json"}).out, "[]\n");
}

TEST_F(Commands, AFolderWithoutSkillsIsSaidToBeOne) {
  write("skills/README.md", "x");
  EXPECT_TRUE(holds(site.run({"skills", "push", skills()}).err, "there is no skill in"));
  EXPECT_TRUE(holds(site.run({"skills", "push", skills() + "/no"}).err, "No such file"));
}

TEST_F(Commands, MemoryIsPutShownAndListed) {
  const Said put = site.run({"memory", "put", "team/deploys.md"}, "Tuesdays.\n");
  ASSERT_EQ(put.code, kExitOk) << put.err;
  EXPECT_TRUE(holds(put.out, "version 1")) << put.out;
  EXPECT_EQ(site.run({"memory", "cat", "/team/deploys.md"}).out, "Tuesdays.\n");
  ASSERT_EQ(site.run({"memory", "put", "team/deploys.md", "--append"}, "Not Fridays.\n").code,
            kExitOk);
  EXPECT_EQ(site.run({"memory", "cat", "team/deploys.md"}).out, "Tuesdays.\nNot Fridays.\n");
  EXPECT_EQ(site.run({"memory", "cat", "team/deploys.md", "--version", "1"}).out, "Tuesdays.\n");
  EXPECT_TRUE(holds(site.run({"memory", "ls"}).out, "team/"));
  EXPECT_TRUE(holds(site.run({"memory", "ls", "-R"}).out, "team/deploys.md"));
  EXPECT_TRUE(holds(site.run({"memory", "ls", "team"}).out, "-rw-r--r--"));
  EXPECT_TRUE(holds(site.run({"log"}).out, "/team/deploys.md"));
}

TEST_F(Commands, AppendMakesWhatIsNotThere) {
  ASSERT_EQ(site.run({"memory", "put", "a/b/log.md", "--append"}, "one\n").code, kExitOk);
  ASSERT_EQ(site.run({"memory", "put", "a/b/log.md", "--append"}, "two\n").code, kExitOk);
  EXPECT_EQ(site.run({"memory", "cat", "a/b/log.md"}).out, "one\ntwo\n");
}

TEST_F(Commands, AStalePutSaysWhichVersionIsThere) {
  site.run({"memory", "put", "a.md", "--if-version", "0"}, "one");
  const Said fresh = site.run({"memory", "put", "a.md", "--if-version", "0"}, "two");
  EXPECT_EQ(fresh.code, kExitRefused);
  EXPECT_TRUE(holds(fresh.err, "/a.md is at version 1 now")) << fresh.err;
  EXPECT_EQ(site.run({"memory", "put", "a.md", "--if-version", "1"}, "two").code, kExitOk);
  const Said stale = site.run({"memory", "put", "a.md", "--if-version", "1"}, "three");
  EXPECT_TRUE(holds(stale.err, "put with --if-version 2")) << stale.err;
  EXPECT_EQ(site.run({"memory", "cat", "a.md"}).out, "two");
}

TEST_F(Commands, BadPathsAreRefusedWithTheirRule) {
  EXPECT_EQ(site.run({"memory", "put", "a/../b"}, "x").code, kExitRefused);
  EXPECT_EQ(site.run({"memory", "put", std::string(256, 'x')}, "x").code, kExitRefused);
  EXPECT_EQ(site.run({"memory", "put", "/"}, "x").code, kExitRefused);
  EXPECT_EQ(site.run({"memory", "cat", "none.md"}).code, kExitRefused);
  site.run({"memory", "put", "d/f"}, "x");
  EXPECT_TRUE(holds(site.run({"memory", "cat", "d"}).err, "outboard memory ls"));
}

TEST_F(Commands, TheDefaultVolumeNeedsOneOrganisation) {
  site.admin.blind = true;
  const Said lost = site.run({"memory", "ls"});
  EXPECT_EQ(lost.code, kExitRefused);
  EXPECT_TRUE(holds(lost.err, "OUTBOARD_ORG")) << lost.err;
  EXPECT_TRUE(holds(lost.err, "--volume")) << lost.err;
  EXPECT_EQ(site.run({"memory", "ls", "--org", "acme"}).code, kExitOk);
  site.environment["OUTBOARD_ORG"] = "acme";
  EXPECT_EQ(site.run({"memory", "ls"}).code, kExitOk);
  EXPECT_TRUE(holds(site.run({"memory", "ls", "--volume", "acme/x"}).err, "there is no volume"));
}

TEST_F(Commands, ExitCodesTellWhoIsToBlame) {
  EXPECT_EQ(site.run({"--help"}).code, kExitOk);
  EXPECT_EQ(site.run({}).code, kExitUsage);
  EXPECT_TRUE(holds(site.run({"memory"}).err, "one of ls cat put"));
  EXPECT_EQ(site.run({"memory", "nope"}).code, kExitUsage);
  EXPECT_EQ(site.run({"token", "revoke", "x"}).code, kExitUsage);
  EXPECT_TRUE(holds(site.run({"memory", "cat"}).err, "outboard memory cat --help"));
  site.broken = Error{Code::unavailable, "connection refused"};
  const Said gone = site.run({"memory", "ls", "--org", "acme"});
  EXPECT_EQ(gone.code, kExitUnreachable);
  EXPECT_TRUE(holds(gone.err, "unix:/run/outboard.sock")) << gone.err;
}

TEST_F(Commands, AWordThatIsNoVerbIsNamedWithThoseThatAre) {
  const Said top = site.run({"bogus", "--json"});
  EXPECT_EQ(top.code, kExitUsage);
  EXPECT_TRUE(holds(top.err, "`bogus` is no verb: one of")) << top.err;
  const Said below = site.run({"skills", "bogus"});
  EXPECT_TRUE(holds(below.err, "`bogus` is no verb: one of")) << below.err;
  EXPECT_TRUE(holds(below.err, "push")) << below.err;
  EXPECT_FALSE(holds(below.err, "doctor")) << below.err;
  EXPECT_TRUE(holds(site.run({"skills"}).err, "a verb is missing: one of"));
}

TEST_F(Commands, ACertificateIsShownWithItsKeyAndOverTls) {
  const Said half = site.run({"status", "--ca-file", "ca.pem", "--certificate-file", "own.pem"});
  EXPECT_EQ(half.code, kExitRefused);
  EXPECT_TRUE(holds(half.err, "--key-file")) << half.err;
  const Said clear = site.run({"status", "--certificate-file", "own.pem", "--key-file", "own.key"});
  EXPECT_EQ(clear.code, kExitRefused);
  EXPECT_TRUE(holds(clear.err, "--ca-file")) << clear.err;
  site.environment["OUTBOARD_CA_FILE"] = "ca.pem";
  site.environment["OUTBOARD_KEY_FILE"] = "own.key";
  EXPECT_EQ(site.run({"status", "--certificate-file", "own.pem"}).code, kExitOk);
  EXPECT_EQ(site.asked.tls_ca_file, "ca.pem");
  EXPECT_EQ(site.asked.tls_certificate_file, "own.pem");
  EXPECT_EQ(site.asked.tls_key_file, "own.key");
}

TEST_F(Commands, TokensComeFromTheEnvironmentOrAFile) {
  const fs::path file = write("token", "ob_file\n");
  site.run({"status", "--token-file", file.string(), "--server", "localhost:1"});
  EXPECT_EQ(site.asked.token, "ob_file");
  EXPECT_EQ(site.asked.server, "localhost:1");
  site.run({"status"});
  EXPECT_EQ(site.asked.token, "ob_test");
  site.environment.clear();
  EXPECT_TRUE(holds(site.run({"status"}).err, "OUTBOARD_SERVER"));
  site.environment["OUTBOARD_SERVER"] = "localhost:1";
  EXPECT_TRUE(holds(site.run({"status"}).err, "OUTBOARD_TOKEN"));
}

TEST_F(Commands, EveryVerbShowsAnExample) {
  const std::vector<std::vector<std::string>> verbs = {{"org", "create"},
                                                       {"org", "list"},
                                                       {"user", "create"},
                                                       {"user", "list"},
                                                       {"token", "mint"},
                                                       {"token", "list"},
                                                       {"token", "revoke"},
                                                       {"token", "renew"},
                                                       {"login"},
                                                       {"group", "create"},
                                                       {"group", "add"},
                                                       {"grant", "give"},
                                                       {"grant", "withdraw"},
                                                       {"service", "create"},
                                                       {"user", "remove"},
                                                       {"org", "remove"},
                                                       {"export"},
                                                       {"volume", "create"},
                                                       {"volume", "list"},
                                                       {"volume", "set"},
                                                       {"skills", "push"},
                                                       {"skills", "pull"},
                                                       {"skills", "list"},
                                                       {"memory", "ls"},
                                                       {"memory", "cat"},
                                                       {"memory", "put"},
                                                       {"log"},
                                                       {"status"}};
  for (std::vector<std::string> verb : verbs) {
    verb.push_back("--help");
    const Said said = site.run(verb);
    EXPECT_EQ(said.code, kExitOk);
    EXPECT_TRUE(holds(said.out, "Example:\n  ")) << said.out;
  }
}

}  // namespace
}  // namespace outboard::cli
