// Two folders and one volume under random edits: in the end all hold the same. A seed is a test.
#include <map>
#include <random>

#include "cli/sync/sync_site.h"

namespace outboard::sync {
namespace {

class SyncRandomTest : public SyncTest, public testing::WithParamInterface<std::uint32_t> {
 protected:
  std::string any_name() { return std::string(1, static_cast<char>('a' + random() % 3)); }
  std::string any_path() {
    std::string path = any_name();
    while (random() % 2 == 0) path += "/" + any_name();
    return path;
  }
  // One thing that a person does in a folder; what cannot be done is not.
  void edit() {
    std::error_code failed;
    const fs::path path = folder / any_path();
    switch (random() % 6) {
      case 0: fs::remove_all(path, failed); break;
      case 1: fs::rename(path, folder / any_path(), failed); break;
      case 2: fs::create_directories(path, failed); break;
      case 3: fs::create_symlink("target" + std::to_string(++made), path, failed); break;
      default:
        fs::create_directories(path.parent_path(), failed);
        if (fs::is_symlink(path)) break;
        std::ofstream(path, std::ios::trunc) << "text " << ++made << "\n";
    }
  }
  void use_folder(const char* name) { folder = top / name; }
  std::map<std::string, std::string> tree() const {
    std::map<std::string, std::string> all;
    for (auto at = fs::recursive_directory_iterator(folder);
         at != fs::recursive_directory_iterator(); ++at) {
      if (at->path().filename() == kStateName) {
        at.disable_recursion_pending();
        continue;
      }
      const std::string path = "/" + fs::relative(at->path(), folder).string();
      if (at->is_symlink()) {
        all[path] = "-> " + fs::read_symlink(at->path()).string();
      } else {
        all[path] = at->is_directory() ? "directory" : here(path.substr(1));
      }
    }
    return all;
  }
  std::map<std::string, std::string> tree_there() {
    std::map<std::string, std::string> all;
    FollowedTree followed("/");
    EXPECT_TRUE(followed.load(store, Call{}, volume));
    followed.each_below("/", [&](const std::string& path, const Node& node) {
      if (node.is(Kind::directory)) all[path] = "directory";
      if (node.is(Kind::symlink)) all[path] = "-> " + node.target;
      if (node.is(Kind::file)) all[path] = there(path);
    });
    return all;
  }
  void pass() {
    const Status opened = open();
    ASSERT_TRUE(opened) << opened.error().message;
    const Status done = sync->catch_up_once();
    ASSERT_TRUE(done) << done.error().message;
  }

  std::mt19937 random{GetParam()};
  int made = 0;
};

TEST_P(SyncRandomTest, S57_AllSidesAgreeInTheEnd) {
  const Policy policies[] = {Policy::last_writer, Policy::merge, Policy::refuse};
  use(policies[GetParam() % 3]);
  options.accept_empty = true;
  for (int round = 0; round < 25; ++round) {
    use_folder(random() % 2 == 0 ? "one" : "two");
    fs::create_directories(folder);
    for (auto edits = random() % 4; edits > 0; --edits) edit();
    if (random() % 2 == 0) pass();
    if (HasFatalFailure()) return;
  }
  std::map<std::string, std::string> one;
  for (int i = 0; i < 4; ++i) {
    use_folder(i % 2 == 0 ? "one" : "two");
    pass();
    if (HasFatalFailure()) return;
    if (i == 2) one = tree();
  }
  EXPECT_EQ(one, tree());
  EXPECT_EQ(one, tree_there());
}

INSTANTIATE_TEST_SUITE_P(Seeds, SyncRandomTest, testing::Range(1U, 7U));

}  // namespace
}  // namespace outboard::sync
