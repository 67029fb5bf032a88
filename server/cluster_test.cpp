#include "server/cluster.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace outboard::server {
namespace {

TEST(Cluster, NewOneTakesTheNewestProgramsOldOneItsOwn) {
  const std::vector<Binaries> installed = {{"/new", 17}, {"/mid", 15}, {"/old", 13}};
  EXPECT_EQ(choose_binaries(installed, std::nullopt)->major, 17);
  EXPECT_EQ(choose_binaries(installed, 15)->directory, "/mid");
}

TEST(Cluster, MissingProgramsNameTheirPackage) {
  const auto none = choose_binaries({{"/old", 13}}, std::nullopt);
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("install the package postgresql"), std::string::npos);
  const auto other = choose_binaries({{"/mid", 15}}, 16);
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().message.find("postgresql-16"), std::string::npos);
}

TEST(Cluster, UrlEscapesThePath) {
  EXPECT_EQ(cluster_url("/a b/ü"), "postgresql://outboard@/outboard?host=%2Fa%20b%2F%C3%BC");
}

TEST(Cluster, SocketPathHasALimit) {
  EXPECT_TRUE(fits_a_socket(std::string(88, 'x')));
  EXPECT_FALSE(fits_a_socket(std::string(89, 'x')));
}

TEST(Cluster, SharedBuffersAreBounded) {
  EXPECT_EQ(shared_buffers_for(128ULL << 20U), 64U);
  EXPECT_EQ(shared_buffers_for(4ULL << 30U), 512U);
  EXPECT_EQ(shared_buffers_for(64ULL << 30U), 1024U);
}

TEST(Cluster, PostmasterFileSaysWhenItIsReady) {
  const auto home = std::filesystem::temp_directory_path() / "outboard-cluster-test";
  std::filesystem::create_directories(home);
  const std::string lines = "4711\n/data\n0\n5432\n/socket\n\n 1 2\n";
  std::ofstream(home / "postmaster.pid") << lines << "starting\n";
  EXPECT_EQ(read_postmaster_file(home.string())->pid, 4711);
  EXPECT_FALSE(read_postmaster_file(home.string())->ready);
  std::ofstream(home / "postmaster.pid") << lines << "ready   \n";
  EXPECT_TRUE(read_postmaster_file(home.string())->ready);
  std::filesystem::remove_all(home);
  EXPECT_FALSE(read_postmaster_file(home.string()));
}

}  // namespace
}  // namespace outboard::server
