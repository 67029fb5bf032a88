// RpcServer: a Store, an Admin and a Journal, served by gRPC on TCP and unix sockets.
//
// Place in the flow: sockets → services (callback reactors) → worker pool → caller.cpp (token) →
// Access → the Store it was given. Calls block only on workers; when the workers' queue is full
// the next request is refused with `unavailable` and the time to wait. Beside them, without a
// token: gRPC's health service, which says whether the database can be written to, and reflection.
//
// All functions may be called from any thread. The destructor stops at once, as drain(now) does.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/admin.h"
#include "core/audit.h"
#include "core/counters.h"
#include "core/diagnosis.h"
#include "core/result.h"
#include "core/revisions.h"
#include "core/roster.h"
#include "core/store.h"
#include "server/blobs.h"
#include "server/journal.h"
#include "server/rates.h"
#include "server/readiness.h"
#include "server/sign_in.h"
#include "server/token_reader.h"
#include "server/trail.h"

namespace outboard::server {

struct RpcConfig {
  // "unix:/path" or "host:port"; port 0 takes a free one. TCP beyond loopback is refused without
  // TLS.
  std::vector<std::string> listen;
  // PEM. Empty: no TLS. With a client CA, TCP clients must show a certificate that it signed.
  std::string tls_certificate_file;
  std::string tls_key_file;
  std::string tls_client_ca_file;
  // Threads for calls that block, and as many streams of content at a time as a quarter of it.
  std::size_t workers = 64;
  bool count_calls = false;  // for measure(); costs each call a microsecond
  RateLimits rates;          // of each principal
};

// What a server keeps beside its store: of sessions both or none, of the audit both or none.
struct Records {
  Journal* journal = nullptr;
  Blobs* blobs = nullptr;
  Audit* audit = nullptr;
  Trail* trail = nullptr;
  Revisions* revisions = nullptr;
};

// Who looks after the server itself; each may be missing.
struct Oversight {
  Readiness* readiness = nullptr;  // asked by one thread; without it the server is always ready
  Examiner* examiner = nullptr;    // without it Diagnose is unsupported
};

// Who belongs here, and how they come in; each may be missing, and its service is then
// unimplemented.
struct People {
  Roster* roster = nullptr;
  SignIn* sign_in = nullptr;
};

class RpcServer {
 public:
  // Wraps `store` in Access itself. All that is given must outlive the server. What is not given
  // has no service.
  static Result<std::unique_ptr<RpcServer>> start(const RpcConfig& config, Store& store,
                                                  Admin& admin, TokenReader& tokens,
                                                  const Records& records = {},
                                                  const Oversight& oversight = {},
                                                  const People& people = {});
  ~RpcServer();
  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // As clients dial them: the real port where 0 was asked for.
  std::vector<std::string> addresses() const;

  // What tokens allow may have changed: live streams of those that lost something are cut, soon.
  // Does not block.
  void recheck_tokens();

  // Accepts nothing more, ends watches with server_stopping, waits for calls in flight until
  // `until`, then cancels them.
  void drain(Moment until);

  // Calls, streams, queues. Until drain().
  void measure(Figures& to);

 private:
  struct Parts;
  explicit RpcServer(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::server
