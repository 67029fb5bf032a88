// Two servers on one database and 256 writers, half on each; one is killed in the middle. Its
// writers go on at the other with the same request ids, as clients do.
#include <gtest/gtest.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "client/grpc_admin.h"
#include "client/grpc_store.h"
#include "tests/support/child_process.h"
#include "tests/support/temp_directory.h"
#include "tests/support/test_postgres.h"

namespace outboard::tests {
namespace {

constexpr std::chrono::seconds kWait{120};
constexpr std::size_t kWriters = 256;
constexpr std::size_t kWritersEach = 16;  // of one connection
constexpr std::uint64_t kWrites = 8;      // of one writer
// Answers of the first server until it is killed: among the answers of a group, whose other writes
// are committed then and have none.
constexpr std::size_t kKillAfter = kWriters * kWrites / 8;

Moment soon() {
  return std::chrono::steady_clock::now() + kWait;
}

class Server {
 public:
  Server(const TempDirectory& home, const std::string& name, const std::string& database)
      : address_("unix:" + home.path() + "/" + name), site_token_(home.path() + "/site") {
    std::array<int, 2> ready{};
    EXPECT_EQ(::pipe(ready.data()), 0);
    process_ = std::make_unique<ChildProcess>(
        std::vector<std::string>{SERVER_FILE, "--database=" + database, "--listen=" + address_,
                                 "--site-token-file=" + site_token_,
                                 "--ready-fd=" + std::to_string(ready[1])},
        ChildOptions{.user = {}, .environment = {}, .output = home.path() + "/" + name + ".log"});
    ::close(ready[1]);
    std::array<char, 256> line{};
    EXPECT_GT(::read(ready[0], line.data(), line.size()), 0) << "the server did not start";
    ::close(ready[0]);
  }

  client::ChannelConfig channel(const std::string& token) const {
    client::ChannelConfig config;
    config.address = address_;
    config.token = [token] { return token; };
    return config;
  }
  std::string site_token() const {
    std::ifstream file(site_token_);
    std::string token;
    std::getline(file, token);
    return token;
  }
  void kill() {
    process_->signal(SIGKILL);
    process_->wait();
  }

 private:
  const std::string address_, site_token_;
  std::unique_ptr<ChildProcess> process_;
};

class TwoServersTest : public ::testing::Test {
 protected:
  TwoServersTest()
      : database_(TestPostgres::shared().fresh_database()),
        first_(home_, "first", database_),
        second_(home_, "second", database_) {
    auto admin = client::GrpcAdmin::connect(first_.channel(first_.site_token()), soon());
    EXPECT_TRUE(admin) << admin.error().message;
    const Call call = Call::until(soon());
    EXPECT_TRUE((*admin)->create_organisation(call, "acme"));
    EXPECT_TRUE((*admin)->create_user(call, "acme", "ada"));
    volume_ = (*admin)->create_volume(call, "acme/memory", {})->id;
    TokenRequest request;
    request.organisation = "acme";
    request.principal = "ada";
    request.grants.push_back({"acme/*", "/", true});
    token_ = (*admin)->mint_token(call, request)->secret;
  }

  std::unique_ptr<client::GrpcStore> connect(const Server& server) {
    auto store = client::GrpcStore::connect(server.channel(token_), soon());
    EXPECT_TRUE(store) << store.error().message;
    return *std::move(store);
  }

  // Appends "writer.number" lines. `near` is asked first; when it is gone, `far`, with the same id.
  void write(std::size_t writer, Store& near, Store& far, bool near_is_first) {
    const ClientId client{random_uuid()};
    bool gone = false;
    for (std::uint64_t number = 1; number <= kWrites; ++number) {
      Batch batch{RequestId{client, number}, number - 1, {}};
      const std::string line = std::to_string(writer) + "." + std::to_string(number) + "\n";
      batch.steps.push_back(Step{Append{NodeRef{"/log"}, line}, {}});
      Result<Applied> applied = Error{Code::unavailable, "not asked"};
      if (!gone) applied = near.apply(Call::until(near_deadline()), volume_, batch);
      if (!applied) {
        gone = true;
        applied = far.apply(Call::until(soon()), volume_, batch);
      }
      EXPECT_TRUE(applied) << applied.error().message;
      ++acknowledged_;
      if (near_is_first && !gone && ++by_first_ == kKillAfter) first_.kill();
    }
  }
  // A dead server is given up after this.
  static Moment near_deadline() { return std::chrono::steady_clock::now() + kWait / 8; }

  std::string log(Store& store) {
    const auto node = store.attributes(Call::until(soon()), volume_, NodeRef{"/log"});
    std::string bytes;
    while (bytes.size() < node->value.attributes.size) {
      bytes += store
                   .read(Call::until(soon()), volume_, node->value.inode, node->value.version,
                         bytes.size(), kPartBytes)
                   ->value.bytes;
    }
    return bytes;
  }

  TempDirectory home_;
  const std::string database_;
  Server first_, second_;
  VolumeId volume_;
  std::string token_;
  std::atomic<std::size_t> acknowledged_{0};
  std::atomic<std::size_t> by_first_{0};
};

// [S8] [S13] [S3]
TEST_F(TwoServersTest, S8_AServerKilledAmong256WritersLosesAndDoublesNothing) {
  const auto checker = connect(second_);
  Publish empty;
  empty.at = NameRef{NodeRef{"/"}, "log"};
  ASSERT_TRUE(checker->apply(Call::until(soon()), volume_, Batch{{}, 0, {Step{empty, {}}}}));
  std::vector<std::unique_ptr<client::GrpcStore>> near, far;
  for (std::size_t i = 0; i < kWriters / kWritersEach; ++i) {
    near.push_back(connect(i % 2 == 0 ? first_ : second_));
    far.push_back(connect(second_));
  }
  std::vector<std::thread> writers;
  for (std::size_t i = 0; i < kWriters; ++i) {
    const std::size_t at = i / kWritersEach;
    writers.emplace_back(
        [this, i, at, a = near[at].get(), b = far[at].get()] { write(i, *a, *b, at % 2 == 0); });
  }
  for (auto& writer : writers) writer.join();
  EXPECT_EQ(acknowledged_, kWriters * kWrites);
  std::map<std::string, int> seen;
  std::map<std::string, std::uint64_t> last;  // of each writer
  std::istringstream lines(log(*checker));
  for (std::string line; std::getline(lines, line);) {
    ++seen[line];
    const std::string writer = line.substr(0, line.find('.'));
    EXPECT_EQ(std::stoull(line.substr(writer.size() + 1)), ++last[writer]) << "out of order";
  }
  EXPECT_EQ(seen.size(), kWriters * kWrites) << "an acknowledged write is lost";
  for (const auto& [line, times] : seen) EXPECT_EQ(times, 1) << line << " is there twice";
  const auto volume = checker->describe(Call::until(soon()), volume_);
  EXPECT_EQ(volume->head.value, 1 + kWriters * kWrites)
      << "the order has a gap or a change too many";
}

}  // namespace
}  // namespace outboard::tests
