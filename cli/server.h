// Server: what the commands talk to: a Store, an Admin and its kin, a harness's Agent, and who this
// process is to them.
//
// RemoteServer reaches a real one over gRPC; the tests' MemoryServer holds everything itself.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "client/agent.h"
#include "client/mount_control.h"
#include "core/admin.h"
#include "core/audit.h"
#include "core/diagnosis.h"
#include "core/revisions.h"
#include "core/roster.h"
#include "core/store.h"

namespace outboard::cli {

class Server {
 public:
  virtual ~Server() = default;

  // Good for the Server's life. The first use of each may connect.
  virtual Result<Store*> store() = 0;
  virtual Result<Admin*> admin() = 0;
  virtual Result<Audit*> audit() = 0;
  virtual Result<Revisions*> revisions() = 0;
  virtual Result<client::Agent*> agent() = 0;
  virtual Result<Examiner*> examiner() = 0;
  // A mount daemon on this machine, by its control socket.
  virtual Result<client::MountReport> mount(const std::string& control_socket) = 0;
  virtual Result<client::WarmReport> warm_mount(const std::string& control_socket,
                                                const std::string& path,
                                                std::uint64_t bytes_max) = 0;
  virtual Result<std::map<std::string, std::uint64_t>> await_mount(
      const std::string& control_socket, const std::map<std::string, std::uint64_t>& seqs) = 0;
  virtual Result<std::vector<ViewSpec>> change_views(const std::string& control_socket,
                                                     const client::ViewChange& change) = 0;
  virtual Status renew_mount_token(const std::string& control_socket, const std::string& token) = 0;
  virtual Result<Roster*> roster() = 0;
  // A token for whom an OIDC ID token speaks of; needs none.
  virtual Result<MintedToken> sign_in(const Call& call, const std::string& id_token) = 0;

  // For request ids. REQUIRES: store() has answered.
  virtual ClientId client() const = 0;
  // As the server calls itself: "0.1.0". REQUIRES: store() has answered.
  virtual std::string version() const = 0;
};

}  // namespace outboard::cli
