// A server on a database of its own, as the tests of this folder use it: acme with ada, who may
// work, bob, who may not, and globex next door.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "harness/journal/grpc_journal.h"
#include "server/postgres/database.h"
#include "server/rpc/rpc_server.h"
#include "tests/support/migrated_database.h"
#include "tests/support/temp_directory.h"

namespace outboard::tests {

class JournalServer {
 public:
  JournalServer() : url_(migrated_database()), database_(open()) {
    for (const char* name : {"acme", "globex"}) {
      EXPECT_TRUE(admin().create_organisation(call(), name));
      for (const char* user : {"ada", "bob"}) {
        EXPECT_TRUE(admin().create_user(call(), name, user));
      }
    }
    start();
  }

  static Moment soon() { return Moment::clock::now() + std::chrono::seconds(60); }
  static Call call() { return internal_call(soon()); }
  Admin& admin() { return database_->admin(); }
  server::Database& database() { return *database_; }
  std::unique_ptr<server::Database> open() const {
    auto opened = server::Database::open({.url = url_});
    EXPECT_TRUE(opened) << opened.error().message;
    return *std::move(opened);
  }
  void start() {
    server::RpcConfig config;
    config.listen = {address()};
    config.workers = 8;
    auto started =
        server::RpcServer::start(config, database_->store(), database_->admin(),
                                 database_->tokens(), {&database_->journal(), &database_->blobs()});
    EXPECT_TRUE(started) << started.error().message;
    rpc_ = *std::move(started);
  }
  void stop() { rpc_.reset(); }

  MintedToken mint(const std::string& principal, bool may_work,
                   const std::string& organisation = "acme", SessionId session = {},
                   Epoch epoch = {}, Generation generation = {}) {
    TokenRequest request;
    request.organisation = organisation;
    request.principal = principal;
    request.admin = may_work;
    request.grants = {{organisation + "/*", "/", true}};
    request.session = session;
    request.epoch = epoch;
    request.generation = generation;
    auto minted = admin().mint_token(call(), request);
    EXPECT_TRUE(minted) << minted.error().message;
    return *std::move(minted);
  }
  // As the server reads it from such a token.
  Call as(const std::string& principal, bool may_work, const std::string& organisation = "acme") {
    Call asked = call();
    asked.caller =
        *database_->tokens().read(mint(principal, may_work, organisation).secret, asked.deadline);
    return asked;
  }
  std::unique_ptr<harness::GrpcJournal> connect(const std::string& secret) {
    client::ChannelConfig config;
    config.address = address();
    config.token = [secret] { return secret; };
    auto connected = harness::GrpcJournal::connect(config, soon());
    EXPECT_TRUE(connected) << connected.error().message;
    return *std::move(connected);
  }
  void sql(const std::string& text) const {
    EXPECT_TRUE(TestPostgres::shared().execute(url_, text)) << text;
  }
  // Moves all leases and times of waking so much nearer, but for what a heartbeat holds.
  void pass(std::chrono::milliseconds time) const {
    const std::string by = " - interval '" + std::to_string(time.count()) + " milliseconds'";
    sql("UPDATE outboard.sessions SET lease_until = lease_until" + by + ", wake_at = wake_at" + by);
  }

 private:
  std::string address() const { return "unix:" + directory_.path() + "/socket"; }

  const std::string url_;
  TempDirectory directory_;
  std::unique_ptr<server::Database> database_;
  std::unique_ptr<server::RpcServer> rpc_;
};

}  // namespace outboard::tests
