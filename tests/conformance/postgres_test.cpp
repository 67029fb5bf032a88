#include "server/access.h"
#include "server/postgres/database.h"
#include "tests/conformance/part_suite.h"
#include "tests/support/rpc_parts.h"
#include "tests/support/test_postgres.h"

namespace outboard::tests {
namespace {

using server::Database;

const std::string& shared_url() {
  static const std::string url = TestPostgres::shared().fresh_database();
  return url;
}

// One database for the program, in which each test has a volume of its own.
Database& shared_database() {
  static const std::unique_ptr<Database> database = [] {
    auto opened = Database::open({.url = shared_url()});
    if (!opened) {
      ADD_FAILURE() << opened.error().message;
      std::abort();
    }
    auto made = (*opened)->admin().create_organisation(internal_call(Moment::max()), "acme");
    EXPECT_TRUE(made);
    return *std::move(opened);
  }();
  return *database;
}

class PostgresFixture final : public StoreFixture {
 public:
  Store& store() override { return shared_database().store(); }
  VolumeId make_volume(const VolumeSettings& settings) override {
    static int volumes = 0;
    auto made = shared_database().admin().create_volume(
        call(), "acme/volume-" + std::to_string(++volumes), settings);
    EXPECT_TRUE(made) << made.error().message;
    return made->id;
  }
  Call call() override { return internal_call(clock_.now() + kCallWait); }
  Guest guest(std::vector<Grant> grants) override {
    Guest who{&access_, call()};
    who.call.caller = everything("guest");
    who.call.caller.token = 0;  // the transaction looks for others' in the table
    who.call.caller.grants = std::move(grants);
    return who;
  }
  // As retention will: the log up to `upto`, and the contents that only it shows.
  bool forget(VolumeId volume, Seq upto) override {
    return TestPostgres::shared().execute(
        shared_url(), "SELECT outboard.forget_changes(" + to_string(volume) +
                          ", (SELECT pruned_seq FROM outboard.volumes WHERE id = " +
                          to_string(volume) + "), " + to_string(upto) + ")");
  }

 private:
  SystemClock clock_;
  server::Access access_{shared_database().store()};
};

const auto kMakers =
    ::testing::Values(StoreMaker{"postgres", [] { return std::make_unique<PostgresFixture>(); }});
INSTANTIATE_TEST_SUITE_P(Postgres, StoreSuite, kMakers, store_name);
INSTANTIATE_TEST_SUITE_P(Postgres, PartSuite, kMakers, store_name);
INSTANTIATE_TEST_SUITE_P(Postgres, PartFeedSuite, kMakers, store_name);

}  // namespace
}  // namespace outboard::tests
