#include "server/site_token.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>

namespace outboard::server {
namespace {

class TableTokens final : public TokenReader {
 public:
  Result<Caller> read(std::string_view secret, Moment) override {
    if (down) return Error{Code::unavailable, "the database is away", {}};
    const auto found = callers.find(std::string(secret));
    if (found == callers.end()) return Error{Code::unauthenticated, "no such token", {}};
    return found->second;
  }
  std::map<std::string, Caller> callers;
  bool down = false;
};

class SiteTokenTest : public testing::Test {
 protected:
  SiteTokenTest() {
    std::string name = (std::filesystem::temp_directory_path() / "outboard-token-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    file_ = directory_ + "/site-token";
  }
  ~SiteTokenTest() override { std::filesystem::remove_all(directory_); }

  Status keep() {
    return keep_site_token(
        file_, tokens_,
        [this]() -> Result<MintedToken> {
          MintedToken minted;
          minted.secret = "ob_" + std::to_string(++minted_);
          tokens_.callers[minted.secret] = Caller{};
          return minted;
        },
        Moment::max());
  }
  std::string content() const {
    std::string line;
    std::ifstream(file_) >> line;
    return line;
  }

  std::string directory_;
  std::string file_;
  TableTokens tokens_;
  int minted_ = 0;
};

TEST_F(SiteTokenTest, FirstStartMintsItForItsOwnersEyes) {
  ASSERT_TRUE(keep());
  EXPECT_EQ(content(), "ob_1");
  struct stat found {};
  ASSERT_EQ(::stat(file_.c_str(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600U);
}

TEST_F(SiteTokenTest, ValidOneIsLeftAlone) {
  ASSERT_TRUE(keep());
  ASSERT_TRUE(keep());
  EXPECT_EQ(minted_, 1);
}

TEST_F(SiteTokenTest, EndedOneIsReplaced) {
  ASSERT_TRUE(keep());
  tokens_.callers.clear();
  ASSERT_TRUE(keep());
  EXPECT_EQ(content(), "ob_2");
}

TEST_F(SiteTokenTest, SomebodyElsesTokenIsNotOverwritten) {
  tokens_.callers["ob_ada"].organisation = 7;
  tokens_.callers["ob_ada"].principal = "ada";
  std::ofstream(file_) << "ob_ada\n";
  const auto kept = keep();
  ASSERT_FALSE(kept);
  EXPECT_EQ(kept.error().code, Code::invalid);
  EXPECT_EQ(content(), "ob_ada");
}

TEST_F(SiteTokenTest, UnreachableDatabaseIsNoReasonToReplaceIt) {
  std::ofstream(file_) << "ob_old\n";
  tokens_.down = true;
  ASSERT_FALSE(keep());
  EXPECT_EQ(content(), "ob_old");
}

}  // namespace
}  // namespace outboard::server
