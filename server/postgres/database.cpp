#include "server/postgres/database.h"

#include <charconv>

#include "core/limits.h"
#include "publishing/house_rules.h"
#include "server/committer.h"
#include "server/feed.h"
#include "server/postgres/collector.h"
#include "server/postgres/connection_pool.h"
#include "server/postgres/doorbell.h"
#include "server/postgres/listener.h"
#include "server/postgres/migrator.h"
#include "server/postgres/pg_admin.h"
#include "server/postgres/pg_audit.h"
#include "server/postgres/pg_blobs.h"
#include "server/postgres/pg_commit.h"
#include "server/postgres/pg_examiner.h"
#include "server/postgres/pg_feed_log.h"
#include "server/postgres/pg_journal.h"
#include "server/postgres/pg_readiness.h"
#include "server/postgres/pg_revisions.h"
#include "server/postgres/pg_roster.h"
#include "server/postgres/pg_search.h"
#include "server/postgres/pg_store.h"
#include "server/postgres/pg_tokens.h"
#include "server/postgres/pg_trail.h"
#include "server/reviewed_store.h"

namespace outboard::server {
namespace {

std::vector<std::unique_ptr<GroupWriter>> writers_for(const std::string& url, Feed& feed,
                                                      const ContentRules& rules,
                                                      Doorbell& doorbell) {
  std::vector<std::unique_ptr<GroupWriter>> writers;
  const auto losses = std::make_shared<PgCommit::Losses>(0);
  for (std::size_t i = 0; i < kCommitterThreads; ++i) {
    writers.push_back(std::make_unique<PgCommit>(url, feed, rules, doorbell, losses));
  }
  return writers;
}

constexpr Sql kIsService{"sign_in_is_service",
                         "SELECT 1 FROM principals p JOIN organisations o "
                         "ON o.id = p.organisation WHERE o.name = $1::text AND p.name = $2::text "
                         "AND p.kind = 1"};

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

// "settings volume", as PgAdmin rings it.
std::optional<VolumeId> read_settings(std::string_view payload) {
  constexpr std::string_view kWord = "settings ";
  if (!payload.starts_with(kWord)) return std::nullopt;
  payload.remove_prefix(kWord.size());
  VolumeId volume;
  const auto read = std::from_chars(payload.data(), payload.data() + payload.size(), volume.value);
  if (read.ec != std::errc{}) return std::nullopt;
  return volume;
}

constexpr std::size_t kFeedConnections = 2;

// All that may be open at once: those of the pools and the committers', and one each for listener,
// doorbell, search index and readiness.
std::size_t connections_for(const DatabaseConfig& config) {
  return config.connections + kFeedConnections + kSearchesAtOnce + kLockConnections +
         kStrictConnections + kCommitterThreads + 4;
}

std::vector<std::string> reader_settings() {
  return {"jit=off", "application_name=outboard-reader",
          "statement_timeout=" + std::to_string(kReadStatementMax.count())};
}

// Which index serves a search is known here better than from statistics, which hashes do not have.
std::vector<std::string> searcher_settings() {
  std::vector<std::string> settings = reader_settings();
  settings.emplace_back("enable_seqscan=off");
  return settings;
}

}  // namespace

// In the order they need each other; destroyed the other way round.
struct Database::Parts {
  explicit Parts(const DatabaseConfig& config)
      : pool(config.url, config.connections, reader_settings()),
        feed_pool(config.url, kFeedConnections, reader_settings()),
        search_pool(config.url, kSearchesAtOnce, searcher_settings()),
        feed_log(feed_pool),
        feed(feed_log),
        doorbell(config.url),
        committer(writers_for(config.url, feed, rules, doorbell)),
        revisions(pool, rules,
                  [this](VolumeId volume, const Pointer& pointer) { moved(volume, pointer); }),
        pointers(revisions),
        published_log(feed_pool, LogEnd::published),
        published_feed(published_log, kProgressInterval, FeedUnit::whole),
        journal(pool),
        blobs(pool),
        locks(config.url, config.lock_grace),
        strict(config.url, feed.acks()),
        listener(config.url, {[this](VolumeId volume, Seq seq) {
                                feed.heard(volume, seq);
                                committer.poke(volume);
                              },
                              [this](std::string_view payload) { heard(payload); },
                              [this] {
                                feed.acks().forget_strict();
                                feed.doubt();
                                pointers.doubt();
                                published_feed.doubt();
                                locks.doubt();
                                journal.doubt();
                                access_changed();
                              }}),
        indexer(config.url),
        search(search_pool, indexer),
        head(pool, committer, feed, search, locks, strict),
        store(head, revisions, pointers, published_feed),
        admin(pool,
              [this](const Volume& volume) {
                if (volume.strict) strict.settle_change(volume);
              }),
        audit(pool),
        trail(pool),
        roster(pool),
        examiner(pool, clock, connections_for(config), migrations().size()),
        readiness(config.url, migrations().size()),
        collector(pool) {}

  void heard(std::string_view payload) {
    VolumeId volume;
    Pointer pointer;
    if (payload == "access") {
      access_changed();
    } else if (read_published(payload, volume, pointer)) {
      moved(volume, pointer);
    } else if (const auto changed = read_settings(payload)) {
      feed.acks().forget_strict();
      feed.changed(*changed);
      published_feed.changed(*changed);
    } else if (!locks.heard(payload) && !strict.heard(payload)) {
      journal.heard(payload);
    }
  }
  void moved(VolumeId volume, const Pointer& pointer) {
    pointers.moved(volume, pointer);
    published_feed.heard(volume, pointer.seq);
  }
  void access_changed() {
    tokens.forget();
    tell_access.with([](const auto& tell) {
      if (tell) tell();
    });
  }

  SystemClock clock;
  publishing::HouseRules rules;
  ConnectionPool pool;
  ConnectionPool feed_pool;
  ConnectionPool search_pool;
  PgTokens tokens{pool, clock};
  Guarded<std::function<void()>> tell_access;
  PgFeedLog feed_log;
  Feed feed;
  Doorbell doorbell;
  Committer committer;
  PgRevisions revisions;
  Pointers pointers;
  PgFeedLog published_log;
  Feed published_feed;
  PgJournal journal;
  PgBlobs blobs;
  PgLocks locks;
  PgStrict strict;
  Listener listener;
  SearchIndexer indexer;
  PgSearch search;
  PgStore head;
  ReviewedStore store;
  PgAdmin admin;
  PgAudit audit;
  PgTrail trail;
  PgRoster roster;
  PgExaminer examiner;
  PgReadiness readiness;
  Collector collector;
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
Audit& Database::audit() {
  return parts_->audit;
}
Trail& Database::trail() {
  return parts_->trail;
}
Examiner& Database::examiner() {
  return parts_->examiner;
}
Readiness& Database::readiness() {
  return parts_->readiness;
}

void Database::measure(Figures& to) {
  parts_->committer.measure(to);
  parts_->feed.measure(to);
  parts_->pool.measure(to, "readers");
  parts_->feed_pool.measure(to, "feed");
  parts_->tokens.measure(to);
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
