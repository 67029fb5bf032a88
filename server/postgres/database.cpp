#include "server/postgres/database.h"

#include "core/limits.h"
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
#include "server/postgres/pg_roster.h"
#include "server/postgres/pg_store.h"
#include "server/postgres/pg_tokens.h"

namespace outboard::server {
namespace {

std::vector<std::unique_ptr<GroupWriter>> writers_for(const std::string& url, Feed& feed) {
  std::vector<std::unique_ptr<GroupWriter>> writers;
  for (std::size_t i = 0; i < kCommitterThreads; ++i) {
    writers.push_back(std::make_unique<PgCommit>(url, feed));
  }
  return writers;
}

constexpr Sql kIsService{"sign_in_is_service",
                         "SELECT 1 FROM principals p JOIN organisations o "
                         "ON o.id = p.organisation WHERE o.name = $1::text AND p.name = $2::text "
                         "AND p.kind = 1"};

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
        committer(writers_for(config.url, feed)),
        journal(pool),
        blobs(pool),
        listener(config.url, {[this](VolumeId volume, Seq seq) {
                                feed.heard(volume, seq);
                                committer.poke(volume);
                              },
                              [this](std::string_view payload) { heard(payload); },
                              [this] {
                                feed.doubt();
                                journal.doubt();
                                access_changed();
                              }}),
        store(pool, committer, feed),
        admin(pool),
        roster(pool) {}

  void heard(std::string_view payload) {
    if (payload != "access") return journal.heard(payload);
    access_changed();
  }
  void access_changed() {
    tokens.forget();
    tell_access.with([](const auto& tell) {
      if (tell) tell();
    });
  }

  SystemClock clock;
  ConnectionPool pool;
  ConnectionPool feed_pool;
  PgTokens tokens{pool, clock};
  Guarded<std::function<void()>> tell_access;
  PgFeedLog feed_log;
  Feed feed;
  Committer committer;
  PgJournal journal;
  PgBlobs blobs;
  Listener listener;
  PgStore store;
  PgAdmin admin;
  PgRoster roster;
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
Roster& Database::roster() {
  return parts_->roster;
}
TokenReader& Database::tokens() {
  return parts_->tokens;
}
Journal& Database::journal() {
  return parts_->journal;
}
void Database::tell_access_changes(std::function<void()> tell) {
  parts_->tell_access.with([&](auto& held) { held = std::move(tell); });
}
Blobs& Database::blobs() {
  return parts_->blobs;
}

Result<MintedToken> Database::sign_in(std::string_view organisation, std::string_view user,
                                      bool create, std::chrono::seconds life, Moment deadline) {
  const Call call = internal_call(deadline);
  auto services = parts_->pool.run(kIsService, Params().bytes(organisation).bytes(user), deadline);
  if (!services) return services.error();
  if (!services->empty()) {
    return Error{Code::not_found,
                 std::string(user) + " is a service account, and nobody signs in as one",
                 std::string(user)};
  }
  if (create) {
    auto made = parts_->admin.create_user(call, organisation, user);
    if (!made && made.error().code != Code::exists) return made.error();
  }
  TokenRequest request;
  request.organisation = std::string(organisation);
  request.principal = std::string(user);
  request.life = life;
  return parts_->admin.mint_token(call, request);
}

Result<MintedToken> Database::mint_site_token(std::string_view principal) {
  return parts_->admin.mint_site_token(
      internal_call(std::chrono::steady_clock::now() + kReadDeadline), principal);
}

}  // namespace outboard::server
