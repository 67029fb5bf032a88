#include "cli/sync/sync_site.h"

namespace outboard::sync {
namespace {

TEST_F(SyncTest, S57_BothSidesTakeWhatTheOtherHas) {
  write("a/mine.md", "mine");
  write_there("/b/theirs.md", "theirs");
  open_and_catch_up();
  EXPECT_EQ(there("/a/mine.md"), "mine");
  EXPECT_EQ(here("b/theirs.md"), "theirs");
  write("a/mine.md", "mine, again");
  write_there("/b/theirs.md", "theirs, again");
  again();
  EXPECT_EQ(there("/a/mine.md"), "mine, again");
  EXPECT_EQ(here("b/theirs.md"), "theirs, again");
  EXPECT_EQ(node("/a/mine.md").version, Version{2});
}

TEST_F(SyncTest, S57_RemovalsGoBothWays) {
  for (const char* path : {"a/1", "a/2", "b/1", "c"}) write(path, path);
  open_and_catch_up();
  fs::remove_all(folder / "a");
  apply({{RemoveDirectory{at("/b"), true}, {}}});
  again();
  EXPECT_EQ(there("/a"), "-");
  EXPECT_FALSE(fs::exists(folder / "b"));
  EXPECT_EQ(there("/c"), "c");
}

TEST_F(SyncTest, S57_AnEditOutlivesARemovalOnTheOtherSide) {
  write("a", "1");
  write("b", "1");
  open_and_catch_up();
  write("a", "edited here");
  apply({{Unlink{at("/a")}, {}}});
  fs::remove(folder / "b");
  write_there("/b", "edited there");
  again();
  EXPECT_EQ(there("/a"), "edited here");
  EXPECT_EQ(here("b"), "edited there");
}

TEST_F(SyncTest, S57_LastWriterKeepsBothInHistory) {
  write("a", "base");
  open_and_catch_up();
  write("a", "mine");
  write_there("/a", "theirs");
  again();
  EXPECT_EQ(there("/a"), "mine");
  EXPECT_EQ(here("a"), "mine");
  EXPECT_EQ(told(Happened::overridden), "/a \n");
  EXPECT_EQ(store.versions(Call{}, volume, NodeRef{std::string("/a")})->value.size(), 3U);
}

TEST_F(SyncTest, S57_MergePutsBothTogetherAndWritesItBack) {
  use(Policy::merge);
  write("a", "1\n2\n3\n4\n5\n");
  open_and_catch_up();
  write("a", "mine\n2\n3\n4\n5\n");
  write_there("/a", "1\n2\n3\n4\ntheirs\n");
  again();
  EXPECT_EQ(there("/a"), "mine\n2\n3\n4\ntheirs\n");
  EXPECT_EQ(here("a"), "mine\n2\n3\n4\ntheirs\n");
}

TEST_F(SyncTest, S57_WhatCannotBeMergedStandsBesideOnBothSides) {
  use(Policy::merge);
  write("a", "base\n");
  open_and_catch_up();
  write("a", "mine\n");
  write_there("/a", "theirs\n");
  again();
  const std::string copy = "a.conflict-" + to_string(sha256("mine\n")).substr(0, 8);
  EXPECT_EQ(here("a"), "theirs\n");
  EXPECT_EQ(here(copy), "mine\n");
  EXPECT_EQ(there("/a"), "theirs\n");
  EXPECT_EQ(there("/" + copy), "mine\n");
}

TEST_F(SyncTest, S57_WhereOverridingIsRefusedTheEditStandsBeside) {
  use(Policy::refuse);
  write("a", "base");
  open_and_catch_up();
  write("a", "mine");
  write_there("/a", "theirs");
  again();
  const std::string copy = "a.conflict-" + to_string(sha256("mine")).substr(0, 8);
  EXPECT_EQ(here("a"), "theirs");
  EXPECT_EQ(here(copy), "mine");
  EXPECT_EQ(there("/a"), "theirs");
  EXPECT_EQ(there("/" + copy), "mine");
}

TEST_F(SyncTest, S57_FilesMadeOnBothSidesConflictToo) {
  use(Policy::refuse);
  write("same", "equal");
  write("a", "mine");
  write_there("/same", "equal");
  write_there("/a", "theirs");
  open_and_catch_up();
  EXPECT_EQ(here("a"), "theirs");
  EXPECT_EQ(here("a.conflict-" + to_string(sha256("mine")).substr(0, 8)), "mine");
  EXPECT_EQ(names_here().size(), 3U);
}

TEST_F(SyncTest, S57_AFileThatIsAnotherByNowIsNotOverridden) {
  use(Policy::refuse);
  write("a", "base");
  open_and_catch_up();
  write("a", "mine");
  apply({{Unlink{at("/a")}, {}}});
  write_there("/a", "another");  // at version 1, too
  again();
  EXPECT_EQ(there("/a"), "another");
  EXPECT_EQ(here("a.conflict-" + to_string(sha256("mine")).substr(0, 8)), "mine");
}

TEST_F(SyncTest, S57_AFileThatWasReplacedThereIsBrought) {
  write_there("/a", "1");
  open_and_catch_up();
  apply({{Unlink{at("/a")}, {}}});
  write_there("/a", "2");  // another node, at version 1, too
  again();
  EXPECT_EQ(here("a"), "2");
}

TEST_F(SyncTest, S57_MovesKeepTheNode) {
  write("d/one", "1");
  write("d/two", "2");
  write("e", "file");
  open_and_catch_up();
  const Inode directory = node("/d").inode;
  const Inode inside = node("/d/one").inode;
  const Inode file = node("/e").inode;
  fs::rename(folder / "d", folder / "moved");
  fs::create_directories(folder / "new");
  fs::rename(folder / "e", folder / "new/e");
  again();
  EXPECT_EQ(node("/moved").inode, directory);
  EXPECT_EQ(node("/moved/one").inode, inside);
  EXPECT_EQ(node("/new/e").inode, file);
  EXPECT_EQ(there("/d"), "-");
  EXPECT_EQ(there("/e"), "-");
}

TEST_F(SyncTest, S57_MovesThereMoveHere) {
  write("d/one", "1");
  open_and_catch_up();
  apply({{Rename{at("/d"), at("/x"), RenameMode::replace, std::nullopt}, {}}});
  catch_up();
  EXPECT_EQ(here("x/one"), "1");
  EXPECT_FALSE(fs::exists(folder / "d"));
}

TEST_F(SyncTest, S57_ExecuteBitsAndSymlinksTravel) {
  write("run", "#!/bin/sh\n");
  fs::permissions(folder / "run", fs::perms::owner_exec, fs::perm_options::add);
  fs::create_symlink("/etc/passwd", folder / "link");
  apply({{MakeSymlink{at("/theirs"), "../..", 0, 0}, {}}});
  open_and_catch_up();
  EXPECT_EQ(node("/run").attributes.mode & 0111U, 0111U);
  EXPECT_EQ(node("/link").target, "/etc/passwd");
  EXPECT_EQ(fs::read_symlink(folder / "theirs"), "../..");
  fs::permissions(folder / "run", fs::perms::owner_exec, fs::perm_options::remove);
  fs::remove(folder / "link");
  fs::create_symlink("run", folder / "link");
  again();
  EXPECT_EQ(node("/run").attributes.mode & 0111U, 0U);
  EXPECT_EQ(node("/run").version, Version{1});
  EXPECT_EQ(node("/link").target, "run");
  SetAttributes op;
  op.node = std::string("/run");
  op.mode = 0755;
  apply({{op, {}}});
  catch_up();
  EXPECT_NE(fs::status(folder / "run").permissions() & fs::perms::owner_exec, fs::perms::none);
}

TEST_F(SyncTest, S57_KindsChange) {
  write("to-directory", "file");
  write("to-file/inside", "1");
  write_there("/there-to-file/inside", "1");
  write_there("/there-to-directory", "file");
  open_and_catch_up();
  fs::remove(folder / "to-directory");
  write("to-directory/inside", "2");
  fs::remove_all(folder / "to-file");
  write("to-file", "now a file");
  apply({{RemoveDirectory{at("/there-to-file"), true}, {}}});
  write_there("/there-to-file", "now a file");
  apply({{Unlink{at("/there-to-directory")}, {}}});
  write_there("/there-to-directory/inside", "2");
  again();
  EXPECT_EQ(there("/to-directory/inside"), "2");
  EXPECT_EQ(there("/to-file"), "now a file");
  EXPECT_EQ(here("there-to-file"), "now a file");
  EXPECT_EQ(here("there-to-directory/inside"), "2");
}

TEST_F(SyncTest, S57_ARestartReadsNothingAnew) {
  for (int i = 0; i < 50; ++i) write_there("/f" + std::to_string(i), "content");
  open_and_catch_up();
  EXPECT_EQ(weak.contents_read, 50U);
  again();
  EXPECT_EQ(weak.contents_read, 50U);
  EXPECT_EQ(told(Happened::sent) + told(Happened::brought), "");
}

TEST_F(SyncTest, S57_WithoutItsStateNothingIsLostOrDoubled) {
  write_there("/a", "1");
  write_there("/b", "1");
  open_and_catch_up();
  write_there("/b", "2");  // the folder has an older version
  write("c", "new");
  fs::remove_all(folder / kStateName);
  sync.reset();
  again();
  EXPECT_EQ(here("b"), "2");
  EXPECT_EQ(there("/b"), "2");
  EXPECT_EQ(there("/c"), "new");
  EXPECT_EQ(names_here(), (std::set<std::string>{"a", "b", "c"}));
}

TEST_F(SyncTest, S57_AStateThatWasCutOffIsReadAsFarAsItGoes) {
  write_there("/a", "1");
  write_there("/b", "1");
  open_and_catch_up();
  sync.reset();
  const fs::path file = folder / kStateName / "state";
  fs::resize_file(file, fs::file_size(file) - 10);
  write("a", "edited");
  again();
  EXPECT_EQ(there("/a"), "edited");
  EXPECT_EQ(there("/b"), "1");
  EXPECT_EQ(names_here(), (std::set<std::string>{"a", "b"}));
}

TEST_F(SyncTest, S57_ALostAnswerMakesNoSecondChange) {
  use(Policy::last_writer);
  write("a", "1");
  open_and_catch_up();
  write("a", "2");
  ASSERT_TRUE(open());
  weak.lose_answer = true;
  EXPECT_FALSE(sync->catch_up());
  catch_up();
  EXPECT_EQ(node("/a").version, Version{2});
  EXPECT_EQ(told(Happened::overridden), "");
}

TEST_F(SyncTest, S57_WhatAKilledProcessHadSentIsNoEdit) {
  write("a", "1");
  open_and_catch_up();
  write("a", "2");
  ASSERT_TRUE(open());
  weak.lose_answer = true;
  EXPECT_FALSE(sync->catch_up());  // it happened; the process dies before it knows
  write_there("/a", "3");
  again();
  EXPECT_EQ(here("a"), "3");
  EXPECT_EQ(there("/a"), "3");
  EXPECT_EQ(told(Happened::overridden), "");
}

TEST_F(SyncTest, S57_AnEmptiedFolderEmptiesNothing) {
  write("a", "1");
  write("b/c", "1");
  open_and_catch_up();
  fs::remove(folder / "a");
  fs::remove_all(folder / "b");
  const Status refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::not_empty);
  EXPECT_NE(refused.error().message.find("--accept-empty"), std::string::npos);
  EXPECT_EQ(there("/a"), "1");
  options.accept_empty = true;
  again();
  EXPECT_EQ(there("/a"), "-");
  EXPECT_EQ(there("/b"), "-");
}

TEST_F(SyncTest, S57_AMissingFolderIsFilledAgain) {
  write("a", "1");
  open_and_catch_up();
  sync.reset();
  fs::remove_all(folder);
  again();
  EXPECT_EQ(here("a"), "1");
  EXPECT_EQ(there("/a"), "1");
}

TEST_F(SyncTest, S57_NothingIsWrittenThroughASymlink) {
  const fs::path outside = top / "outside";
  fs::create_directories(outside);
  write_there("/d/a", "1");
  open_and_catch_up();
  fs::remove_all(folder / "d");
  fs::create_symlink(outside, folder / "d");
  write_there("/d/a", "2");
  write_there("/d/b", "2");
  again();
  EXPECT_TRUE(fs::is_empty(outside));
  EXPECT_TRUE(fs::is_directory(fs::symlink_status(folder / "d")));
  EXPECT_EQ(here("d/b"), "2");
  EXPECT_EQ(
      fs::read_symlink(folder / "d.conflict-" += to_string(sha256(outside.string())).substr(0, 8)),
      outside);
}

TEST_F(SyncTest, S57_NamesThatLeadOutAreNotFollowed) {
  write_there("/false/evil", "1");
  for (const char* name : {"..", "../..", "a/../..", "", ".", ".outboard-sync"}) {
    weak.false_name = name;
    ASSERT_TRUE(open());
    catch_up();
    EXPECT_EQ(names_here(), std::set<std::string>{}) << name;
    EXPECT_FALSE(fs::exists(top / "evil")) << name;
    EXPECT_FALSE(fs::exists(folder / kStateName / "evil")) << name;
  }
}

TEST_F(SyncTest, S57_OwnNamesAndThoseOfTheVolumeAreReserved) {
  write(".history", "x");
  write("d/.outboard-sync/state", "x");
  write(".outboard-part-1", "x");
  write_there("/.outboard-sync", "x");
  write("a", "1");
  open_and_catch_up();
  EXPECT_EQ(there("/a"), "1");
  EXPECT_EQ(there("/d/.outboard-sync"), "-");
  EXPECT_EQ(there("/.outboard-part-1"), "-");
  EXPECT_TRUE(fs::is_directory(folder / kStateName));
  EXPECT_NE(told(Happened::passed_over).find("/.history"), std::string::npos);
}

TEST_F(SyncTest, S57_AReaderSendsNothingAndLosesNothing) {
  write_there("/a", "1");
  write_there("/b", "1");
  read_only = true;
  open_and_catch_up();
  write("a", "edited here");
  write("mine", "only here");
  fs::remove(folder / "b");
  again();
  EXPECT_EQ(there("/a"), "1");
  EXPECT_EQ(there("/mine"), "-");
  EXPECT_EQ(here("a"), "edited here");
  EXPECT_EQ(here("b"), "1");
  EXPECT_NE(told(Happened::refused).find("/a "), std::string::npos);
  write_there("/a", "2");
  catch_up();
  EXPECT_EQ(here("a"), "2");
  EXPECT_EQ(here("a.conflict-" + to_string(sha256("edited here")).substr(0, 8)), "edited here");
  EXPECT_EQ(here("mine"), "only here");
}

TEST_F(SyncTest, S57_WhatTheVolumeRefusesStaysAndIsSaid) {
  write("a", "1");
  open_and_catch_up();
  write("a", "2");
  weak.refused = Error{Code::no_space, "the volume is full"};
  again();
  EXPECT_EQ(here("a"), "2");
  EXPECT_EQ(told(Happened::refused), "/a the volume is full\n");
  write_there("/a", "3");
  catch_up();
  EXPECT_EQ(here("a"), "3");
  EXPECT_EQ(here("a.conflict-" + to_string(sha256("2")).substr(0, 8)), "2");
}

TEST_F(SyncTest, S57_WhatLiesOutOfSightIsTriedAFewTimes) {
  write("a", "1");
  weak.refused = Error{Code::not_found, "there is no /a"};
  open_and_catch_up();
  EXPECT_EQ(told(Happened::refused), "/a there is no /a\n");
  EXPECT_LT(weak.batches, 10U);
  weak.refused.reset();
  again();
  EXPECT_EQ(there("/a"), "1");
}

TEST_F(SyncTest, S57_AnEditWhileTheirsArrivesStandsBeside) {
  write_there("/a", "1");
  open_and_catch_up();
  write_there("/a", "2");
  weak.before_read = [this] { write("a", "edited meanwhile"); };
  catch_up();
  std::set<std::string> contents;
  for (const std::string& name : names_here()) contents.insert(here(name));
  EXPECT_EQ(contents, (std::set<std::string>{"2", "edited meanwhile"}));
}

TEST_F(SyncTest, S57_AFileThatIsOpenForWritingIsLeftAlone) {
  write_there("/a", "1");
  write_there("/b", "1");
  open_and_catch_up();
  std::ofstream file(folder / "a", std::ios::app);
  std::ofstream other(folder / "b", std::ios::app);
  file << "half" << std::flush;
  write_there("/a", "2");
  apply({{Unlink{at("/b")}, {}}});
  ASSERT_TRUE(open());
  ASSERT_TRUE(sync->catch_up());
  EXPECT_EQ(here("a"), "1half");
  EXPECT_EQ(here("b"), "1");
  EXPECT_EQ(there("/a"), "2");
  file << " and half";
  file.close();
  other << " more";
  other.close();
  again();
  EXPECT_EQ(here("a"), "1half and half");  // the last writer's
  EXPECT_EQ(there("/a"), "1half and half");
  EXPECT_EQ(there("/b"), "1 more");
}

TEST_F(SyncTest, S57_ManyMovesGoTogether) {
  for (int i = 0; i < 30; ++i) write("d" + std::to_string(i) + "/e/f", std::to_string(i));
  open_and_catch_up();
  const Inode inside = node("/d7/e/f").inode;
  for (int i = 0; i < 30; ++i) {
    const std::string number = std::to_string(i);
    fs::create_directories(folder / "all");
    fs::rename(folder / ("d" + number), folder / ("all/m" + number));
    fs::rename(folder / ("all/m" + number + "/e"), folder / ("all/m" + number + "/g"));
  }
  const std::size_t before = weak.batches;
  again();
  EXPECT_EQ(node("/all/m7/g/f").inode, inside);
  EXPECT_EQ(there("/d7"), "-");
  EXPECT_LT(weak.batches - before, 6U);
}

TEST_F(SyncTest, S57_APartThatIsAFileIsRefused) {
  write_there("/notes", "1");
  options.part = "/notes";
  const Status opened = open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::not_directory);
}

TEST_F(SyncTest, S57_LargeFilesAppearWhole) {
  std::string large(kPushPieceBytes + 12'345, 'x');
  large[large.size() - 1] = 'y';
  write("large", large);
  open_and_catch_up();
  EXPECT_EQ(node("/large").attributes.size, large.size());
  EXPECT_EQ(store.list(Call{}, volume, NodeRef{kRootInode}, "", 10, {})->value.entries.size(), 1U);
  fs::remove_all(folder);
  again();
  EXPECT_TRUE(here("large") == large);
}

TEST_F(SyncTest, S57_APartOfAVolume) {
  write_there("/elsewhere/x", "1");
  write_there("/notes/a", "1");
  options.part = "/notes";
  open_and_catch_up();
  EXPECT_EQ(names_here(), std::set<std::string>{"a"});
  write("b", "2");
  apply({{Rename{at("/elsewhere/x"), at("/notes/x"), RenameMode::replace, std::nullopt}, {}}});
  again();
  EXPECT_EQ(there("/notes/b"), "2");
  EXPECT_EQ(here("x"), "1");
}

TEST_F(SyncTest, S57_AFolderHasOneVolumeAndOneProcess) {
  open_and_catch_up();
  auto second =
      FolderSync::open(weak, *store.describe(Call{}, volume), {random_uuid()}, system, folder, {});
  ASSERT_FALSE(second);
  EXPECT_NE(second.error().message.find("another `outboard sync`"), std::string::npos);
  sync.reset();
  use(Policy::merge);
  const Status other = open();
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, Code::conflict);
}

TEST_F(SyncTest, S57_WhatIsPassedOverStaysOnItsSide) {
  options.passes_over = [](std::string_view path) {
    return path.find("/.git") != std::string_view::npos;
  };
  write("d/.git/config", "x");
  write("d/a", "1");
  write_there("/.git/config", "y");
  open_and_catch_up();
  EXPECT_EQ(there("/d/.git"), "-");
  EXPECT_FALSE(fs::exists(folder / ".git"));
  apply({{RemoveDirectory{at("/d"), true}, {}}});
  catch_up();
  EXPECT_EQ(here("d/.git/config"), "x");
  EXPECT_EQ(there("/d"), "-");
}

}  // namespace
}  // namespace outboard::sync
