#include <gtest/gtest.h>

#include "server/postgres/database.h"
#include "tests/model/random_run.h"
#include "tests/support/test_postgres.h"

namespace outboard::tests {
namespace {

// [S10] [S16]
TEST(Model, PostgresDoesWhatTheReferenceDoes) {
  auto opened = server::Database::open({.url = TestPostgres::shared().fresh_database()});
  ASSERT_TRUE(opened) << opened.error().message;
  server::Database& database = **opened;
  const Call call = internal_call(Moment::max());
  ASSERT_TRUE(database.admin().create_organisation(call, "acme"));
  const std::uint64_t seed = model_seed();
  for (std::uint64_t round = 0; round < 4; ++round) {
    auto volume = database.admin().create_volume(call, "acme/round-" + std::to_string(round), {});
    ASSERT_TRUE(volume) << volume.error().message;
    compare_with_reference(database.store(), call, volume->id, seed + round, 500);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace outboard::tests
