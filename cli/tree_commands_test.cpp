// push and pull of whole trees, against an organisation in memory. [S48] [S49]
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cli/failure.h"
#include "cli/git_source.h"
#include "cli/memory_site.h"
#include "cli/tar/tar_writer.h"
#include "core/limits.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class Trees : public testing::Test {
 protected:
  Trees() {
    std::string pattern = (fs::temp_directory_path() / "outboard-trees-XXXXXX").string();
    top = ::mkdtemp(pattern.data());
    site.found_acme();
    site.environment["XDG_STATE_HOME"] = (top / "state").string();
    fs::create_directories(top / "a");
  }
  ~Trees() override {
    std::error_code ignored;
    fs::remove_all(top, ignored);
  }

  void write(const std::string& path, const std::string& bytes) {
    fs::create_directories((top / path).parent_path());
    std::ofstream(top / path, std::ios::binary) << bytes;
  }
  std::string content(const std::string& path) const {
    std::ifstream in(top / path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string folder(const std::string& name) const { return (top / name).string(); }
  Said push(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"push", folder(name), "acme/memory:t"};
    words.insert(words.end(), more.begin(), more.end());
    return site.run(words);
  }
  Said pull(const std::string& name, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"pull", "acme/memory:t", folder(name)};
    words.insert(words.end(), more.begin(), more.end());
    return site.run(words);
  }
  std::string cat(const std::string& path) { return site.run({"memory", "cat", path}).out; }
  // An edit by somebody else.
  void edit(const std::string& path, const std::string& bytes) {
    ASSERT_EQ(site.run({"memory", "put", path}, bytes).code, kExitOk);
  }

  fs::path top;
  MemorySite site;
};

TEST_F(Trees, S48_WhatIsPushedComesBackTheSame) {
  write("a/run.sh", "#!/bin/sh\n");
  write("a/secret", "x");
  write("a/deep/er/f", std::string("bin\0ary", 7));
  fs::create_directories(top / "a/empty");
  ::chmod((top / "a/run.sh").c_str(), 0751);
  ::chmod((top / "a/secret").c_str(), 0600);
  ::chmod((top / "a/empty").c_str(), 0700);
  fs::create_symlink("deep/er/f", top / "a/link");
  fs::create_hard_link(top / "a/run.sh", top / "a/second");
  const bool xattrs = ::setxattr((top / "a/secret").c_str(), "user.note", "kept", 4, 0) == 0;
  const Said pushed = push("a");
  ASSERT_EQ(pushed.code, kExitOk) << pushed.err;
  EXPECT_TRUE(holds(pushed.out, "5 added")) << pushed.out;
  const Said pulled = pull("b");
  ASSERT_EQ(pulled.code, kExitOk) << pulled.err;
  struct stat one {};
  struct stat two {};
  ASSERT_EQ(::stat((top / "b/run.sh").c_str(), &one), 0);
  ASSERT_EQ(::stat((top / "b/second").c_str(), &two), 0);
  EXPECT_EQ(one.st_mode & 07777U, 0751U);
  EXPECT_EQ(one.st_ino, two.st_ino);
  ASSERT_EQ(::stat((top / "b/empty").c_str(), &one), 0);
  EXPECT_EQ(one.st_mode & 07777U, 0700U);
  EXPECT_EQ(fs::read_symlink(top / "b/link"), "deep/er/f");
  EXPECT_EQ(content("b/deep/er/f"), content("a/deep/er/f"));
  char value[8] = {};
  EXPECT_TRUE(!xattrs || ::getxattr((top / "b/secret").c_str(), "user.note", value, 8) == 4);
  EXPECT_TRUE(holds(push("a").out, "5 up to date"));
  EXPECT_TRUE(holds(push("b").out, "5 up to date"));
  EXPECT_TRUE(holds(pull("b").out, "5 up to date"));
}

TEST_F(Trees, S48_OnlyWhatDiffersIsSentAndADryRunSendsNothing) {
  write("a/x", "one");
  write("a/y", "two");
  push("a");
  write("a/x", "changed");
  write("a/z", "new");
  fs::remove(top / "a/y");
  const Said dry = push("a", {"--delete", "--dry-run"});
  EXPECT_TRUE(holds(dry.out, "~ /t/x")) << dry.out;
  EXPECT_TRUE(holds(dry.out, "+ /t/z"));
  EXPECT_TRUE(holds(dry.out, "- /t/y"));
  EXPECT_EQ(cat("t/x"), "one");
  const Said said = push("a", {"--delete"});
  EXPECT_TRUE(holds(said.out, "1 added, 1 changed, 1 removed")) << said.out << said.err;
  EXPECT_EQ(cat("t/x"), "changed");
  EXPECT_EQ(cat("t/y"), "");
}

TEST_F(Trees, S48_WhatIsExcludedStaysAway) {
  write("a/x.log", "1");
  write("a/build/deep/o", "2");
  write("a/x~", "3");
  write("a/keep", "4");
  EXPECT_TRUE(holds(push("a", {"--exclude", "*.log", "--exclude", "build"}).out, "1 added"));
  EXPECT_TRUE(holds(push("a", {"--all"}).out, "3 added"));
  EXPECT_TRUE(holds(pull("b", {"--exclude", "build/**", "--exclude", "*~"}).out, "2 written"));
}

TEST_F(Trees, S48_WhatIsExcludedIsNotRemovedEither) {
  write("a/x.log", "1");
  write("a/keep", "2");
  push("a");
  pull("b");
  write("b/build/o", "never there");
  pull("b", {"--delete", "--force", "--exclude", "*.log", "--exclude", "build/**"});
  EXPECT_TRUE(fs::exists(top / "b/x.log"));
  EXPECT_TRUE(fs::exists(top / "b/build/o"));
  fs::remove(top / "a/x.log");
  push("a", {"--delete", "--exclude", "*.log"});
  EXPECT_EQ(cat("t/x.log"), "1");
}

TEST_F(Trees, S49_APushDoesNotOverwriteWhatOthersChanged) {
  write("a/x", "base");
  write("a/y", "base");
  write("a/gone", "base");
  push("a");
  edit("t/x", "theirs");
  edit("t/added", "theirs");
  fs::remove(top / "a/gone");
  write("a/x", "mine");
  write("a/y", "mine");
  Said said = push("a");
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.err, "/t/x was changed there since the last pull")) << said.err;
  EXPECT_FALSE(holds(said.err, "/t/y"));
  EXPECT_EQ(cat("t/y"), "base");  // nothing of it
  said = push("a", {"--delete"});
  EXPECT_TRUE(holds(said.err, "/t/added was added there")) << said.err;
  EXPECT_FALSE(holds(said.err, "/t/gone"));
  EXPECT_EQ(push("a", {"--force"}).code, kExitOk);
  EXPECT_EQ(cat("t/x"), "mine");
  EXPECT_EQ(cat("t/added"), "theirs");
}

TEST_F(Trees, S49_APullDoesNotOverwriteWhatWasChangedHere) {
  edit("t/x", "base");
  edit("t/y", "base");
  edit("t/z", "base");
  ASSERT_EQ(pull("b").code, kExitOk);
  write("b/x", "mine");
  write("b/y", "mine");
  edit("t/x", "theirs");
  edit("t/z", "theirs");
  const Said said = pull("b");
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.err, "/x was changed here and there")) << said.err;
  EXPECT_EQ(content("b/z"), "base");
  write("b/x", "base");  // gave it up
  const Said again = pull("b");
  EXPECT_TRUE(holds(again.out, "2 written, 1 changed here and left so")) << again.out << again.err;
  EXPECT_EQ(content("b/x"), "theirs");
  EXPECT_EQ(content("b/y"), "mine");
  const Said pushed = push("b");
  EXPECT_EQ(pushed.code, kExitOk) << pushed.err;
  EXPECT_EQ(cat("t/y"), "mine");
}

TEST_F(Trees, S49_AFolderThatNeverMetTheVolumeIsNotOverwritten) {
  edit("t/x", "theirs");
  write("b/x", "mine");
  EXPECT_TRUE(holds(pull("b").err, "is here and there, with different content"));
  EXPECT_EQ(content("b/x"), "mine");
  EXPECT_EQ(pull("b", {"--force"}).code, kExitOk);
  EXPECT_EQ(content("b/x"), "theirs");
}

TEST_F(Trees, S49_DeleteHereLeavesWhatIsOnlyHere) {
  edit("t/x", "base");
  edit("t/d/y", "base");
  pull("b");
  write("b/mine", "only here");
  site.run({"memory", "put", "t/keep"}, "x");
  ASSERT_EQ(push("b", {"--dry-run"}).code, kExitOk);
  fs::create_directories(top / "empty");
  ASSERT_EQ(site.run({"push", folder("empty"), "acme/memory:t", "--delete"}).code, kExitOk);
  const Said said = pull("b", {"--delete"});
  EXPECT_EQ(said.code, kExitOk) << said.err;
  EXPECT_FALSE(fs::exists(top / "b/x"));
  EXPECT_FALSE(fs::exists(top / "b/d"));
  EXPECT_EQ(content("b/mine"), "only here");
}

TEST_F(Trees, S48_AnArchiveGoesInAndOut) {
  std::string archive;
  {
    tar::TarWriter writer([&](std::string_view bytes) {
      archive += bytes;
      return success();
    });
    tar::TarEntry file{"/deep/run", Kind::file, 0755, 5, "", "", {}, {{"user.a", "b"}}};
    ASSERT_TRUE(writer.begin(file));
    ASSERT_TRUE(writer.write("hello"));
    ASSERT_TRUE(writer.begin({"/again", Kind::file, 0755, 0, "", "/deep/run", {}, {}}));
    ASSERT_TRUE(writer.finish());
  }
  const Said said = site.run({"push", "-", "acme/memory:tar"}, archive);
  ASSERT_EQ(said.code, kExitOk) << said.err;
  EXPECT_EQ(cat("tar/again"), "hello");
  const Said out = site.run({"pull", "acme/memory:tar", "-"});
  ASSERT_EQ(out.code, kExitOk) << out.err;
  const Said back = site.run({"push", "-", "acme/skills:tar"}, out.out);
  EXPECT_TRUE(holds(back.out, "2 added")) << back.out << back.err;
  EXPECT_TRUE(holds(site.run({"push", "-", "acme/skills:tar"}, out.out).out, "2 up to date"));
}

TEST_F(Trees, S48_AHostileArchiveChangesNothing) {
  const Said said = site.run({"push", "-", "acme/memory:tar"}, std::string(2000, 'x'));
  EXPECT_EQ(said.code, kExitRefused);
  EXPECT_TRUE(holds(said.err, "no tar archive")) << said.err;
  EXPECT_TRUE(holds(site.run({"memory", "ls"}).out, "Nothing in"));
}

TEST_F(Trees, S48_AGitFolderIsPushedAtARef) {
  const std::string git = "git -C " + folder("a") + " -c user.name=t -c user.email=t@t ";
  write("a/skills/x", "one");
  write("a/other", "no");
  ASSERT_EQ(std::system((git + "init -q && " + git + "add -A && " + git + "commit -qm 1 && " + git +
                         "tag v1")
                            .c_str()),
            0);
  write("a/skills/x", "two, not committed");
  const Said said = site.run({"push", folder("a") + "//skills@v1", "acme/memory:g"});
  ASSERT_EQ(said.code, kExitOk) << said.err;
  EXPECT_EQ(cat("g/x"), "one");
  EXPECT_FALSE(holds(site.run({"memory", "ls", "g"}).out, "other"));
  const Said url = site.run({"push", "file://" + folder("a") + "@v1", "acme/memory:u"});
  ASSERT_EQ(url.code, kExitOk) << url.err;
  EXPECT_EQ(cat("u/skills/x"), "one");
  EXPECT_EQ(content("a/skills/x"), "two, not committed");
  EXPECT_TRUE(
      holds(site.run({"push", folder("a") + "@none", "acme/memory:g"}).err, "git could not"));
  EXPECT_EQ(site.run({"push", folder("a") + "@--output=x", "acme/memory:g"}).code, kExitRefused);
}

TEST_F(Trees, S48_ALargeFileGoesInPiecesAndGoesOnWhereItStopped) {
  const std::string bytes(2 * kPushPieceBytes + 5, 'l');
  write("a/large", bytes);
  ASSERT_EQ(push("a").code, kExitOk);
  EXPECT_TRUE(holds(push("a").out, "1 up to date"));
  EXPECT_FALSE(holds(site.run({"memory", "ls", "t"}).out, "part"));
  // A push that was stopped behind its first piece.
  const std::string other(kPushPieceBytes + 7, 'o');
  write("a/large", other);
  const std::string part = "t/.outboard-part-" + to_string(sha256(other)).substr(0, 32);
  edit(part, other.substr(0, kPushPieceBytes));
  ASSERT_EQ(push("a").code, kExitOk);
  ASSERT_EQ(pull("b").code, kExitOk);
  EXPECT_TRUE(content("b/large") == other);
}

TEST(GitPlace, IsReadFromWhatPeopleType) {
  using P = GitPlace;
  EXPECT_FALSE(parse_git_place("./skills"));
  EXPECT_EQ(*parse_git_place("./repo//skills"), (P{"./repo", "skills", ""}));
  EXPECT_EQ(*parse_git_place("./repo@feature/x"), (P{"./repo", "", "feature/x"}));
  EXPECT_EQ(*parse_git_place("https://h/x.git//a/b@v1"), (P{"https://h/x.git", "a/b", "v1"}));
  EXPECT_EQ(*parse_git_place("https://me@h/x.git"), (P{"https://me@h/x.git", "", ""}));
  EXPECT_EQ(*parse_git_place("git@h:acme/x.git@v1"), (P{"git@h:acme/x.git", "", "v1"}));
  EXPECT_EQ(*parse_git_place("git@h:acme/x.git"), (P{"git@h:acme/x.git", "", ""}));
}

}  // namespace
}  // namespace outboard::cli
