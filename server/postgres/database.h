// Database: everything the server keeps in Postgres, opened as one thing.
//
// main.cpp opens it and hands its faces to server/rpc. Opening brings the schema up to date and
// starts the threads that live here: the committer's, the feed's, the listener's, the journal's,
// the trail's.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "core/admin.h"
#include "core/audit.h"
#include "core/counters.h"
#include "core/diagnosis.h"
#include "core/limits.h"
#include "core/result.h"
#include "core/revisions.h"
#include "core/roster.h"
#include "core/store.h"
#include "server/blobs.h"
#include "server/journal.h"
#include "server/readiness.h"
#include "server/token_reader.h"
#include "server/trail.h"

namespace outboard::server {

struct DatabaseConfig {
  std::string url;  // as libpq takes it: "postgresql://…" or "host=… dbname=…"
  std::size_t connections =
      16;  // for reads; the committer, the listener and the feed have their own
  std::chrono::milliseconds lock_grace = kLockGrace;  // shorter in tests
};

class Database {
 public:
  // unavailable: cannot be reached. unsupported: its schema is newer than this server.
  static Result<std::unique_ptr<Database>> open(const DatabaseConfig& config);

  // Drains: what was handed to the committer is answered, subscriptions end with server_stopping.
  // REQUIRES: no call into its faces is under way, or will be, and nothing they gave is kept.
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Good for any thread, for the Database's life.
  Store& store();  // a ReviewedStore: who may only read sees what is published
  Revisions& revisions();
  Admin& admin();
  TokenReader& tokens();
  Roster& roster();
  Journal& journal();
  Blobs& blobs();
  Audit& audit();
  Trail& trail();
  Examiner& examiner();
  Readiness& readiness();  // for one thread

  // What its parts count. Good for any thread.
  void measure(Figures& to);

  // `tell` is called, on the listener's thread, whenever what tokens allow may have changed; it
  // does not block. Empty: nobody is told. After this returns the former one is not called any
  // more.
  void tell_access_changes(std::function<void()> tell);

  // A bound token for a user of the organisation: for who has proved who they are by other means.
  // With `create` an unknown user is made. not_found: no such organisation, or user.
  Result<MintedToken> sign_in(std::string_view organisation, std::string_view user, bool create,
                              std::chrono::seconds life, Moment deadline);

  // A token of the site's administrator: how a new deployment gets its first one.
  Result<MintedToken> mint_site_token(std::string_view principal);

 private:
  struct Parts;
  explicit Database(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::server
