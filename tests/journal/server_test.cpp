// The suite on GrpcJournal ~wire~ RpcServer → PgJournal.
#include "tests/journal/journal_server.h"
#include "tests/journal/journal_suite.h"

namespace outboard::tests {
namespace {

class ServerFixture final : public JournalFixture {
 public:
  ServerFixture() : journal_(server_.connect(server_.mint("ada", true).secret)) {}

  harness::Journal& journal() override { return *journal_; }
  harness::Blobs& blobs() override { return *journal_; }
  void pass(std::chrono::milliseconds time) override { server_.pass(time); }
  std::int64_t unix_ms() override { return clock_.wall().nanoseconds / 1'000'000; }

 private:
  SystemClock clock_;
  JournalServer server_;
  const std::unique_ptr<harness::GrpcJournal> journal_;
};

INSTANTIATE_TEST_SUITE_P(Server, JournalSuite,
                         ::testing::Values(JournalMaker{
                             "server", [] { return std::make_unique<ServerFixture>(); }}),
                         journal_name);

}  // namespace
}  // namespace outboard::tests
