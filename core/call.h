// Call: what every request to a Store carries beside its arguments.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/cancellation.h"
#include "core/change.h"
#include "core/clock.h"
#include "core/ids.h"

namespace outboard {

// What a token allows in one volume, at and below one path.
struct Grant {
  VolumeId volume;  // 0: every volume of the organisation
  std::string prefix = "/";
  bool write = false;
  bool manage = false;       // may also change the volume's settings
  std::string pattern = {};  // with volume 0: only volumes of such a name; empty: any

  friend bool operator==(const Grant&, const Grant&) = default;
};

// A token that is pinned sees one tree of the volume for its life, and changes nothing there. [S33]
struct Pin {
  VolumeId volume;
  Seq seq;  // of the revision

  friend bool operator==(const Pin&, const Pin&) = default;
};

// Who is asking, as the server read it from the token. Filled in by the server's edge only; a
// client leaves it empty, for it would not be believed.
struct Caller {
  std::uint64_t token = 0;         // its row; checked again in each commit; 0: the server itself
  std::uint64_t organisation = 0;  // 0: the site's own administrator
  std::string principal;
  bool admin = false;    // may use the admin service within the organisation
  bool auditor = false;  // may read the log of all its volumes
  bool bound = false;    // its grants are no more than what the principal's own allow
  std::vector<Grant> grants;
  std::vector<Pin> pins;
  SessionId session;
  std::uint64_t turn = 0;
  OpId op;
  Epoch epoch;
  Generation generation;
  ClientId client;         // the sending process, as it says of itself; nil: unknown
  Timestamp expires = {};  // the token, by the database's clock; 0: there is none

  friend bool operator==(const Caller&, const Caller&) = default;
};

// A request's surroundings. Every store answers by `deadline`, at the latest with timed_out; a
// store that is far away does so at once when the call is given up, a near one need not.
struct Call {
  Moment deadline = Moment::max();
  Caller caller = {};
  std::shared_ptr<Cancellation> given_up = {};  // none: it is not

  static Call until(Moment deadline) { return Call{deadline, {}, {}}; }
};

// The server's own work: no token, all grants.
inline Call internal_call(Moment deadline) {
  Call call{deadline, {}, {}};
  call.caller.principal = "outboard";
  call.caller.grants.push_back(Grant{VolumeId{}, "/", true});
  return call;
}

Origin origin_of(const Caller& caller, const RequestId& request);

}  // namespace outboard
