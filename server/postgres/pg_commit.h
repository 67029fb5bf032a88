// PgCommit: one transaction for many callers' batches on one volume.
//
// committer → commit(): lock the volume's row, fetch what the batches name (one round trip), apply
// the rules of core/commit.h to all of them on one WorkingSet, write the differences and COMMIT
// (one round trip), tell the feed and, by the doorbell, other servers, answer.
//
// What always holds: seqs are allotted under the volume's row lock, so several servers and SQL
// clients keep one order without gaps. A COMMIT whose answer was lost is in doubt: the same batches
// are asked for again by their request ids, under the same lock, and those without one are told so.
// Used by one thread.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "core/content_rules.h"
#include "server/committer.h"
#include "server/feed.h"
#include "server/postgres/connection.h"
#include "server/postgres/doorbell.h"
#include "server/postgres/pg_tree_source.h"

namespace outboard::server {

class PgCommit final : public GroupWriter {
 public:
  // Connections that were lost, counted by all writers of a server: what broke one has most likely
  // broken all, and each would find out by a deadline of its own.
  using Losses = std::atomic<std::uint64_t>;

  // `rules` judge what is written; `doorbell` tells other servers.
  PgCommit(std::string url, Feed& feed, const ContentRules& rules, Doorbell& doorbell,
           std::shared_ptr<Losses> losses)
      : url_(std::move(url)),
        feed_(feed),
        rules_(rules),
        doorbell_(doorbell),
        losses_(std::move(losses)) {}

  GroupEnd commit(VolumeId volume, const std::vector<PendingWrite*>& group,
                  std::chrono::milliseconds lock_wait) override;

 private:
  // How one attempt ended.
  enum class Try {
    done,      // all answered
    lost,      // the connection went before COMMIT was sent: nothing happened
    in_doubt,  // it went after
    race,      // another transaction was in the way: the same again may succeed
    blocked,   // lock_wait ran out
    failed,    // error_ says why
  };
  struct Attempt;
  // What this writer has said of a client's numbers: refused up to one, deleted up to the other.
  struct Forgotten {
    std::uint64_t refused = 0;
    std::uint64_t deleted = 0;
  };

  Try attempt(VolumeId volume, const std::vector<PendingWrite*>& group,
              std::chrono::milliseconds lock_wait);
  Status ensure_connection(Moment deadline);
  Try begin(Attempt& attempt, std::chrono::milliseconds lock_wait);
  Status check_tokens(Attempt& attempt, const Rows& tokens);
  void name_calls(Attempt& attempt, const Rows& under_way);
  Status answer_repeats(Attempt& attempt, const Rows& kept);
  void refuse_forgotten(Attempt& attempt, const Rows& clients);
  void apply(Attempt& attempt);
  std::vector<Request> requests_rows(const Attempt& attempt);
  Try write(Attempt& attempt);
  Try failed(const Error& error, bool committing);
  void roll_back();

  const std::string url_;
  Feed& feed_;
  const ContentRules& rules_;
  Doorbell& doorbell_;
  const std::shared_ptr<Losses> losses_;
  std::uint64_t losses_known_ = 0;  // when connection_ was opened
  std::unique_ptr<Connection> connection_;
  InodeNumbers numbers_;
  std::map<ClientId, Forgotten> forgotten_;
  Error error_;
};

}  // namespace outboard::server
