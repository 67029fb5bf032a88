// Names: create, directories, links, rename in all its kinds, removal, limits.
#include "core/limits.h"
#include "tests/conformance/store_suite.h"

namespace outboard::tests {
namespace {

Step step_of(Op op) {
  return Step{std::move(op), {}};
}

TEST_P(StoreSuite, S10_CreateIsExclusiveWhenAsked) {
  const Outcome made = done(CreateFile{at("/a"), 0640, 7, 8, true});
  EXPECT_TRUE(made.created);
  EXPECT_EQ(made.node.version, Version{1});
  EXPECT_EQ(made.node.attributes.mode, 0640U);
  EXPECT_EQ(made.node.attributes.uid, 7U);
  EXPECT_EQ(made.node.digest, sha256(""));
  EXPECT_EQ(refused(CreateFile{at("/a")}), Code::exists);
  CreateFile open{at("/a")};
  open.exclusive = false;
  const Outcome again = done(open);
  EXPECT_FALSE(again.created);
  EXPECT_EQ(again.node.inode, made.node.inode);
  EXPECT_EQ(again.seq, Seq{});
  EXPECT_EQ(content("/a"), "");
}

TEST_P(StoreSuite, S10_DirectoriesCountTheirSubdirectories) {
  mkdir("/a/b/c");
  EXPECT_EQ(node("/")->attributes.links, 3U);
  EXPECT_EQ(node("/a")->attributes.links, 3U);
  EXPECT_EQ(node("/a/b/c")->attributes.links, 2U);
  EXPECT_EQ(refused(MakeDirectory{at("/a/b")}), Code::exists);
  EXPECT_FALSE(done(MakeDirectory{at("/a/b"), 0755, 0, 0, true}).created);
  EXPECT_EQ(refused(MakeDirectory{at("/x/y")}), Code::not_found);
  EXPECT_EQ(refused(RemoveDirectory{at("/a/b")}), Code::not_empty);
  done(RemoveDirectory{at("/a/b/c")});
  EXPECT_EQ(node("/a/b")->attributes.links, 2U);
}

TEST_P(StoreSuite, S10_APathThroughAFileIsNotDirectory) {
  put("/f", "x");
  EXPECT_EQ(refused(CreateFile{at("/f/g")}), Code::not_directory);
  EXPECT_EQ(refused(MakeDirectory{at("/f/g/h"), 0755, 0, 0, true}), Code::not_directory);
  EXPECT_EQ(node("/f/g").error().code, Code::not_directory);
  EXPECT_EQ(node("/nothing").error().code, Code::not_found);
}

TEST_P(StoreSuite, S10_KindsOfNodesKeepWhatTheyAre) {
  done(MakeNode{at("/fifo"), Kind::fifo, 0600, 1, 2, 0});
  done(MakeNode{at("/null"), Kind::char_device, 0666, 0, 0, 259});
  done(MakeNode{at("/disk"), Kind::block_device, 0660, 0, 6, 2049});
  done(MakeNode{at("/socket"), Kind::socket, 0777, 0, 0, 0});
  EXPECT_EQ(node("/fifo")->kind, Kind::fifo);
  EXPECT_EQ(node("/null")->attributes.device, 259U);
  EXPECT_EQ(node("/disk")->kind, Kind::block_device);
  EXPECT_EQ(node("/socket")->kind, Kind::socket);
  EXPECT_EQ(refused(MakeNode{at("/file"), Kind::file}), Code::invalid);
  EXPECT_EQ(refused(Append{NodeRef{"/fifo"}, "x"}), Code::invalid);
}

TEST_P(StoreSuite, S10_SymlinksKeepTheirTargetUninterpreted) {
  const std::string longest(kSymlinkBytesMax, 't');
  EXPECT_EQ(done(MakeSymlink{at("/l"), "../no such/place"}).node.target, "../no such/place");
  EXPECT_EQ(node("/l")->attributes.size, 16U);
  EXPECT_EQ(done(MakeSymlink{at("/m"), longest}).node.target, longest);
  EXPECT_EQ(refused(MakeSymlink{at("/n"), longest + "t"}), Code::name_too_long);
  EXPECT_EQ(refused(MakeSymlink{at("/n"), ""}), Code::invalid);
  EXPECT_EQ(node("/l/x").error().code, Code::not_directory);
}

TEST_P(StoreSuite, S10_HardLinksAreOneFile) {
  const Node file = put("/a", "one");
  EXPECT_EQ(done(MakeLink{NodeRef{"/a"}, at("/b")}).node.attributes.links, 2U);
  done(Append{NodeRef{"/b"}, " two"});
  EXPECT_EQ(content("/a"), "one two");
  EXPECT_EQ(node("/b")->inode, file.inode);
  EXPECT_EQ(refused(MakeLink{NodeRef{"/a"}, at("/b")}), Code::exists);
  mkdir("/d");
  EXPECT_EQ(refused(MakeLink{NodeRef{"/d"}, at("/e")}), Code::is_directory);
  EXPECT_EQ(done(Unlink{at("/a")}).node.attributes.links, 1U);
  EXPECT_EQ(content("/b"), "one two");
}

TEST_P(StoreSuite, S15_ARemovedFilesVersionsCanStillBeRead) {
  const Node first = put("/a", "one");
  put("/a", "two");
  EXPECT_EQ(done(Unlink{at("/a")}).node.attributes.links, 0U);
  EXPECT_FALSE(there("/a"));
  EXPECT_EQ(content(first.inode, Version{1}), "one");
  EXPECT_EQ(content(first.inode, Version{2}), "two");
  EXPECT_EQ(refused(Append{NodeRef{first.inode}, "x"}), Code::not_found);
  EXPECT_NE(put("/a", "new").inode, first.inode);
}

TEST_P(StoreSuite, S10_UnlinkAndRmdirKnowTheirKinds) {
  put("/f", "");
  mkdir("/d");
  EXPECT_EQ(refused(Unlink{at("/d")}), Code::is_directory);
  EXPECT_EQ(refused(RemoveDirectory{at("/f")}), Code::not_directory);
  EXPECT_EQ(refused(Unlink{at("/nothing")}), Code::not_found);
  EXPECT_EQ(refused(RemoveDirectory{at("/nothing")}), Code::not_found);
}

TEST_P(StoreSuite, S10_ATreeGoesChildrenFirst) {
  put("/d/a/x", "1");
  put("/d/b", "2");
  done(MakeLink{NodeRef{"/d/b"}, at("/kept")});
  const Seq before = head();
  done(RemoveDirectory{at("/d"), true});
  EXPECT_FALSE(there("/d"));
  EXPECT_EQ(content("/kept"), "2");
  std::vector<std::string> gone;
  for (const Change& change : log()) {
    if (change.seq > before) gone.push_back(change.path);
  }
  EXPECT_EQ(gone, (std::vector<std::string>{"/d/a/x", "/d/a", "/d/b", "/d"}));
  EXPECT_EQ(node("/")->attributes.links, 2U);
}

TEST_P(StoreSuite, S10_RenameReplacesAtomically) {
  const Node from = put("/from", "new");
  const Node over = put("/over", "old");
  const Outcome moved = done(move("/from", "/over"));
  EXPECT_EQ(moved.node.inode, from.inode);
  EXPECT_FALSE(there("/from"));
  EXPECT_EQ(content("/over"), "new");
  EXPECT_EQ(content(over.inode, over.version), "old");
  const Change change = log().back();
  EXPECT_EQ(change.kind, ChangeKind::rename);
  EXPECT_EQ(change.before, (Dentry{kRootInode, "from"}));
  EXPECT_EQ(change.after, (Dentry{kRootInode, "over"}));
  EXPECT_EQ(change.other, (Displaced{over.inode, 0, false}));
}

TEST_P(StoreSuite, S10_RenameOfADirectoryTakesAllBelow) {
  put("/a/b/c", "deep");
  mkdir("/z");
  done(move("/a/b", "/z/y"));
  EXPECT_EQ(content("/z/y/c"), "deep");
  EXPECT_EQ(node("/a/b/c").error().code, Code::not_found);
  EXPECT_EQ(node("/a")->attributes.links, 2U);
  EXPECT_EQ(node("/z")->attributes.links, 3U);
  done(Append{NodeRef{"/z/y/c"}, "!"});
  EXPECT_EQ(log().back().path, "/z/y/c");
  EXPECT_EQ(refused(move("/z", "/z/y/loop")), Code::invalid);
}

TEST_P(StoreSuite, S10_RenameRefusesWhatPosixRefuses) {
  put("/f", "");
  put("/full/x", "");
  mkdir("/empty");
  EXPECT_EQ(refused(move("/f", "/empty")), Code::is_directory);
  EXPECT_EQ(refused(move("/empty", "/f")), Code::not_directory);
  EXPECT_EQ(refused(move("/empty", "/full")), Code::not_empty);
  EXPECT_EQ(refused(move("/nothing", "/f")), Code::not_found);
  EXPECT_EQ(refused(move("/f", "/none/x")), Code::not_found);
  done(move("/full", "/empty"));
  EXPECT_EQ(names("/"), (std::vector<std::string>{"empty", "f"}));
  EXPECT_EQ(node("/")->attributes.links, 3U);
}

TEST_P(StoreSuite, S10_RenameBetweenNamesOfOneFileDoesNothing) {
  put("/a", "x");
  done(MakeLink{NodeRef{"/a"}, at("/b")});
  const Seq before = head();
  EXPECT_EQ(done(move("/a", "/b")).seq, Seq{});
  EXPECT_EQ(head(), before);
  EXPECT_EQ(names("/"), (std::vector<std::string>{"a", "b"}));
}

TEST_P(StoreSuite, S10_RenameNoReplaceAndExchange) {
  const Node a = put("/d/a", "A");
  const Node b = put("/b/x", "B");
  EXPECT_EQ(refused(Rename{at("/d/a"), at("/b"), RenameMode::no_replace, {}}), Code::exists);
  EXPECT_EQ(refused(Rename{at("/d/a"), at("/none"), RenameMode::exchange, {}}), Code::not_found);
  EXPECT_EQ(refused(Rename{at("/d"), at("/d/a"), RenameMode::exchange, {}}), Code::invalid);
  done(Rename{at("/d/a"), at("/b"), RenameMode::exchange, {}});
  EXPECT_EQ(content("/b"), "A");
  EXPECT_EQ(content("/d/a/x"), "B");
  EXPECT_EQ(node("/b")->inode, a.inode);
  EXPECT_EQ(node("/d/a/x")->inode, b.inode);
  EXPECT_EQ(node("/")->attributes.links, 3U);
  EXPECT_EQ(node("/d")->attributes.links, 3U);
  ASSERT_TRUE(log().back().other);
  EXPECT_TRUE(log().back().other->exchanged);
}

TEST_P(StoreSuite, S10_ExchangeOfDirectoriesTakesBothTrees) {
  put("/one/in/x", "1");
  put("/two/in/x", "2");
  done(Rename{at("/one"), at("/two"), RenameMode::exchange, {}});
  EXPECT_EQ(content("/one/in/x"), "2");
  EXPECT_EQ(content("/two/in/x"), "1");
  done(Append{NodeRef{"/two/in/x"}, "!"});
  EXPECT_EQ(log().back().path, "/two/in/x");
}

TEST_P(StoreSuite, S10_ANameLeavesItsParentsTimesBehind) {
  mkdir("/d");
  const Node before = *node("/d");
  put("/d/a", "x");
  const Node after = *node("/d");
  EXPECT_GE(after.attributes.modified, before.attributes.modified);
  EXPECT_EQ(after.attributes.modified, log().back().at);
  EXPECT_EQ(after.attributes.changed, log().back().at);
}

TEST_P(StoreSuite, S10_NamesAtTheirLimits) {
  const std::string longest(kNameBytesMax, 'n');
  put("/" + longest, "x");
  EXPECT_EQ(content("/" + longest), "x");
  EXPECT_EQ(refused(CreateFile{at("/" + longest + "n")}), Code::name_too_long);
  auto looked = store().lookup(call(), volume_, NameRef{kRootInode, longest + "n"});
  ASSERT_FALSE(looked);
  EXPECT_EQ(looked.error().code, Code::name_too_long);
  EXPECT_EQ(refused(CreateFile{NameRef{kRootInode, ".."}}), Code::invalid);
  EXPECT_EQ(refused(CreateFile{NameRef{kRootInode, "a/b"}}), Code::invalid);
  EXPECT_EQ(refused(CreateFile{NameRef{kRootInode, std::string("a\0b", 3)}}), Code::invalid);
  EXPECT_EQ(refused(CreateFile{NameRef{kRootInode, ".history"}}), Code::invalid);
  put("/\xff\xfe no text", "bytes");
  EXPECT_EQ(content("/\xff\xfe no text"), "bytes");
}

TEST_P(StoreSuite, S10_PathsAtTheirLimit) {
  std::string path;
  for (int i = 0; i < 15; ++i) path += "/" + std::string(kNameBytesMax, 'd');
  const Node deepest = mkdir(path);
  const std::string last(kPathBytesMax - path.size() - 1, 'f');
  done(CreateFile{NameRef{deepest.inode, last}});
  EXPECT_TRUE(there(path + "/" + last));
  EXPECT_EQ(refused(CreateFile{NameRef{deepest.inode, last + "f"}}), Code::name_too_long);
}

TEST_P(StoreSuite, S10_ListingsComeInPagesByName) {
  std::vector<Step> steps;
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) {
    const std::string name = "n" + std::to_string(1000 + i);
    expected.push_back(name);
    steps.push_back(step_of(CreateFile{NameRef{kRootInode, name}}));
  }
  ASSERT_TRUE(apply(std::move(steps)));
  std::vector<std::string> found;
  std::string after;
  do {
    auto page = store().list(call(), volume_, NodeRef{kRootInode}, after, 77);
    ASSERT_TRUE(page);
    ASSERT_LE(page->value.entries.size(), 77U);
    for (const Entry& entry : page->value.entries) found.push_back(entry.dentry.name);
    after = page->value.next;
  } while (!after.empty());
  EXPECT_EQ(found, expected);
  put("/f", "");
  auto no = store().list(call(), volume_, NodeRef{"/f"}, "", 10);
  ASSERT_FALSE(no);
  EXPECT_EQ(no.error().code, Code::not_directory);
}

}  // namespace
}  // namespace outboard::tests
