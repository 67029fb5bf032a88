// Rights: tokens in the name of a session's creator, each narrower than the harness's own.
//
// main → Rights → hosted sessions. One for the tools that act outside of the sandbox, bound to the
// worker's epoch: a worker that was replaced can write nothing. One for the sandbox's mount daemon,
// bound to the sandbox's generation: it lives as long as the sandbox, whoever works the session.
// Any thread.
#pragma once

#include <string>
#include <vector>

#include "core/admin.h"
#include "core/clock.h"
#include "harness/journal/journal.h"
#include "harness/tools/route.h"

namespace outboard::harness {

class Rights {
 public:
  // The volumes are of one organisation (check_mappings); `admin` is asked with a token that may
  // mint there.
  Rights(Admin& admin, const Clock& clock, std::vector<Mapping> mappings);

  Result<MintedToken> for_tools(const SessionInfo& session);
  Result<MintedToken> for_sandbox(SessionId session, const std::string& creator,
                                  Generation generation);
  // No use any more. Failing is no harm: it expires.
  void give_back(std::uint64_t token);

 private:
  TokenRequest request_for(SessionId session, const std::string& creator) const;

  Admin& admin_;
  const Clock& clock_;
  const std::vector<Mapping> mappings_;
};

// "acme" of "acme/skills"; empty without volumes. invalid: a name of another form, or volumes of
// several organisations.
Result<std::string> organisation_of(const std::vector<Mapping>& mappings);

}  // namespace outboard::harness
