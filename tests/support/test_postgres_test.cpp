#include "tests/support/test_postgres.h"

#include <gtest/gtest.h>

#include <csignal>

namespace outboard::tests {
namespace {

TEST(TestPostgres, EachFreshDatabaseIsEmptyAndItsOwn) {
  auto& postgres = TestPostgres::shared();
  const std::string first = postgres.fresh_database();
  const std::string second = postgres.fresh_database();
  EXPECT_NE(first, second);
  EXPECT_TRUE(postgres.execute(first, "CREATE TABLE t (x int)"));
  EXPECT_FALSE(postgres.execute(second, "SELECT x FROM t"));
}

TEST(TestPostgres, ComesBackAfterKill) {
  TestPostgres postgres;
  const std::string url = postgres.fresh_database();
  ASSERT_TRUE(postgres.execute(url, "CREATE TABLE t (x int)"));
  postgres.process().signal(SIGQUIT);
  postgres.process().wait();
  EXPECT_FALSE(postgres.execute(url, "SELECT x FROM t"));
  postgres.start();
  EXPECT_TRUE(postgres.execute(url, "SELECT x FROM t"));
}

}  // namespace
}  // namespace outboard::tests
