// A database for one test with the schema in it: migrated once a program (0.5 s), then copied.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "server/postgres/database.h"
#include "tests/support/test_postgres.h"

namespace outboard::tests {

inline std::string migrated_database() {
  static const std::string model = [] {
    std::string url = TestPostgres::shared().fresh_database();
    {
      const auto migrated = server::Database::open({.url = url});
      EXPECT_TRUE(migrated) << migrated.error().message;
    }
    // Nobody waits for the mounts of the server that did it. [S7]
    EXPECT_TRUE(TestPostgres::shared().execute(url, "DELETE FROM outboard.strict_servers"));
    return url;
  }();
  return TestPostgres::shared().copy_of(model);
}

}  // namespace outboard::tests
