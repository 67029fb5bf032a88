#include "server/postgres/database.h"

#include <charconv>

#include "core/limits.h"
#include "publishing/house_rules.h"
#include "server/committer.h"
#include "server/feed.h"
#include "server/postgres/connection_pool.h"
#include "server/postgres/listener.h"
#include "server/postgres/migrator.h"
#include "server/postgres/pg_admin.h"
#include "server/postgres/pg_blobs.h"
#include "server/postgres/pg_commit.h"
#include "server/postgres/pg_feed_log.h"
#include "server/postgres/pg_journal.h"
#include "server/postgres/pg_revisions.h"
#include "server/postgres/pg_store.h"
#include "server/postgres/pg_tokens.h"
#include "server/reviewed_store.h"

namespace outboard::server {
namespace {

std::vector<std::unique_ptr<GroupWriter>> writers_for(const std::string& url, Feed& feed,
                                                      const ContentRules& rules) {
  std::vector<std::unique_ptr<GroupWriter>> writers;
  for (std::size_t i = 0; i < kCommitterThreads; ++i) {
    writers.push_back(std::make_unique<PgCommit>(url, feed, rules));
  }
  return writers;
}

// "published volume:seq:mode", as PgRevisions and PgAdmin ring it; false: it is none.
bool read_published(std::string_view payload, VolumeId& volume, Pointer& pointer) {
  constexpr std::string_view kWord = "published ";
  if (!payload.starts_with(kWord)) return false;
  payload.remove_prefix(kWord.size());
  const auto number = [&payload](std::uint64_t& into) {
    const auto read = std::from_chars(payload.data(), payload.data() + payload.size(), into);
    payload.remove_prefix(static_cast<std::size_t>(read.ptr - payload.data()));
    if (payload.starts_with(':')) payload.remove_prefix(1);
    return read.ec == std::errc{};
  };
  std::uint64_t mode = 0;
  const bool good = number(volume.value) && number(pointer.seq.value) && number(mode);
  pointer.mode = mode == 1 ? VolumeMode::reviewed : VolumeMode::direct;
  return good;
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
        committer(writers_for(config.url, feed, rules)),
        revisions(pool, rules,
                  [this](VolumeId volume, const Pointer& pointer) { moved(volume, pointer); }),
        pointers(revisions),
        published_log(feed_pool, LogEnd::published),
        published_feed(published_log, kProgressInterval, FeedUnit::whole),
        journal(pool),
        blobs(pool),
        listener(config.url, {[this](VolumeId volume, Seq seq) {
                                feed.heard(volume, seq);
                                committer.poke(volume);
                              },
                              [this](std::string_view payload) { heard(payload); },
                              [this] {
                                feed.doubt();
                                pointers.doubt();
                                published_feed.doubt();
                                journal.doubt();
                              }}),
        head(pool, committer, feed),
        store(head, revisions, pointers, published_feed),
        admin(pool),
        tokens(pool, clock) {}

  void heard(std::string_view payload) {
    VolumeId volume;
    Pointer pointer;
    if (!read_published(payload, volume, pointer)) return journal.heard(payload);
    moved(volume, pointer);
  }
  void moved(VolumeId volume, const Pointer& pointer) {
    pointers.moved(volume, pointer);
    published_feed.heard(volume, pointer.seq);
  }

  SystemClock clock;
  publishing::HouseRules rules;
  ConnectionPool pool;
  ConnectionPool feed_pool;
  PgFeedLog feed_log;
  Feed feed;
  Committer committer;
  PgRevisions revisions;
  Pointers pointers;
  PgFeedLog published_log;
  Feed published_feed;
  PgJournal journal;
  PgBlobs blobs;
  Listener listener;
  PgStore head;
  ReviewedStore store;
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
Revisions& Database::revisions() {
  return parts_->revisions;
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
