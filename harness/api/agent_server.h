// AgentServer: agent.proto on TCP and unix sockets: sessions, messages, watches, approvals.
//
// applications ~wire~ AgentServer → Journal with the caller's own token (the server decides what
// it may), LiveFeed. Keeps nothing of a session: any harness answers for any of them. No gRPC in
// this header. start, drain, destroy: main's thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/result.h"
#include "harness/api/live_feed.h"
#include "harness/journal/blobs.h"
#include "harness/journal/journal.h"

namespace outboard::harness {

// What one caller may reach, with the rights of their token.
struct Records {
  std::shared_ptr<Journal> journal;
  std::shared_ptr<Blobs> blobs;
};

struct AgentParts {
  // For one call; the token is the caller's, and is kept nowhere. Any thread.
  std::function<Records(std::string token)> open;
  LiveFeed& live;
  const Clock& clock;
  // What a session runs that names no model.
  std::string model;
  // Whether this harness can ask that model.
  std::function<Status(const std::string& model)> check_model;
};

class AgentServer {
 public:
  // "unix:/path" or a loopback "host:port"; port 0 takes a free one. Others are refused: there is
  // no TLS here yet.
  static Result<std::unique_ptr<AgentServer>> start(const std::vector<std::string>& listen,
                                                    AgentParts parts);
  // Ends at once.
  ~AgentServer();
  AgentServer(const AgentServer&) = delete;
  AgentServer& operator=(const AgentServer&) = delete;

  // As clients dial them.
  const std::vector<std::string>& addresses() const;
  // Accepts nothing more, ends watches with `unavailable`, waits for other calls until then.
  void drain(Moment until);

 private:
  struct Parts;
  explicit AgentServer(std::unique_ptr<Parts> parts);
  const std::unique_ptr<Parts> parts_;
};

}  // namespace outboard::harness
