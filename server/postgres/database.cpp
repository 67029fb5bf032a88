#include "server/postgres/database.h"

#include "core/limits.h"
#include "server/committer.h"
#include "server/feed.h"
#include "server/postgres/connection_pool.h"
#include "server/postgres/doorbell.h"
#include "server/postgres/listener.h"
#include "server/postgres/migrator.h"
#include "server/postgres/pg_admin.h"
#include "server/postgres/pg_blobs.h"
#include "server/postgres/pg_commit.h"
#include "server/postgres/pg_feed_log.h"
#include "server/postgres/pg_journal.h"
#include "server/postgres/pg_store.h"
#include "server/postgres/pg_tokens.h"

namespace outboard::server {
namespace {

std::vector<std::unique_ptr<GroupWriter>> writers_for(const std::string& url, Feed& feed,
                                                      Doorbell& doorbell) {
  std::vector<std::unique_ptr<GroupWriter>> writers;
  for (std::size_t i = 0; i < kCommitterThreads; ++i) {
    writers.push_back(std::make_unique<PgCommit>(url, feed, doorbell));
  }
  return writers;
}

std::vector<std::string> reader_settings() {
  return {"jit=off", "application_name=outboard-reader",
          "statement_timeout=" + std::to_string(kReadStatementMax.count())};
}

}  // namespace

// In the order they need each other; destroyed the other way round.
struct Database::Parts {
  explicit Parts(const DatabaseConfig& config)
      : pool(config.url, config.connections, reader_settings()),
        feed_pool(config.url, 2, reader_settings()),
        feed_log(feed_pool),
        feed(feed_log),
        doorbell(config.url),
        committer(writers_for(config.url, feed, doorbell)),
        journal(pool),
        blobs(pool),
        listener(config.url, {[this](VolumeId volume, Seq seq) {
                                feed.heard(volume, seq);
                                committer.poke(volume);
                              },
                              [this](std::string_view payload) { journal.heard(payload); },
                              [this] {
                                feed.doubt();
                                journal.doubt();
                              }}),
        store(pool, committer, feed),
        admin(pool),
        tokens(pool, clock) {}

  SystemClock clock;
  ConnectionPool pool;
  ConnectionPool feed_pool;
  PgFeedLog feed_log;
  Feed feed;
  Doorbell doorbell;
  Committer committer;
  PgJournal journal;
  PgBlobs blobs;
  Listener listener;
  PgStore store;
  PgAdmin admin;
  PgTokens tokens;
};

Result<std::unique_ptr<Database>> Database::open(const DatabaseConfig& config) {
  const Moment deadline = std::chrono::steady_clock::now() + kMigrationDeadline;
  auto connection = Connection::open(config.url, std::chrono::steady_clock::now() + kReadDeadline);
  if (!connection) return connection.error();
  if (auto done = migrate(**connection, migrations(), deadline); !done) return done.error();
  return std::unique_ptr<Database>(new Database(std::make_unique<Parts>(config)));
}

Database::Database(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}
Database::~Database() = default;

Store& Database::store() {
  return parts_->store;
}
Admin& Database::admin() {
  return parts_->admin;
}
TokenReader& Database::tokens() {
  return parts_->tokens;
}
Journal& Database::journal() {
  return parts_->journal;
}
Blobs& Database::blobs() {
  return parts_->blobs;
}

Result<MintedToken> Database::mint_site_token(std::string_view principal) {
  return parts_->admin.mint_site_token(
      internal_call(std::chrono::steady_clock::now() + kReadDeadline), principal);
}

}  // namespace outboard::server
