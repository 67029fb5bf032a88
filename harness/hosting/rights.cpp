#include "harness/hosting/rights.h"

#include "core/limits.h"
#include "core/log.h"

namespace outboard::harness {
namespace {

constexpr std::chrono::milliseconds kGiveBackWait{2'000};

}  // namespace

Result<std::string> organisation_of(const std::vector<Mapping>& mappings) {
  std::string organisation;
  for (const Mapping& mapping : mappings) {
    const std::size_t slash = mapping.volume.find('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == mapping.volume.size()) {
      return Error{Code::invalid,
                   "volume \"" + mapping.volume + "\" is not of the form acme/skills",
                   mapping.volume};
    }
    const std::string found = mapping.volume.substr(0, slash);
    if (!organisation.empty() && organisation != found) {
      return Error{Code::invalid,
                   "volumes of " + organisation + " and of " + found +
                       ": a harness works for one organisation; start one for each",
                   mapping.volume};
    }
    organisation = found;
  }
  return organisation;
}

Rights::Rights(Admin& admin, const Clock& clock, std::vector<Mapping> mappings)
    : admin_(admin), clock_(clock), mappings_(std::move(mappings)) {}

TokenRequest Rights::request_for(SessionId session, const std::string& creator) const {
  TokenRequest request;
  request.organisation = organisation_of(mappings_).value_or(std::string());
  request.principal = creator;
  for (const Mapping& mapping : mappings_) {
    request.grants.push_back({mapping.volume, "/", mapping.writable});
  }
  request.session = session;
  return request;
}

Result<MintedToken> Rights::for_tools(const SessionInfo& session) {
  TokenRequest request = request_for(session.id, session.creator);
  request.epoch = session.epoch;
  return admin_.mint_token(Call::until(clock_.now() + kWriteDeadline), request);
}

Result<MintedToken> Rights::for_sandbox(SessionId session, const std::string& creator,
                                        Generation generation) {
  TokenRequest request = request_for(session, creator);
  request.generation = generation;
  return admin_.mint_token(Call::until(clock_.now() + kWriteDeadline), request);
}

void Rights::give_back(std::uint64_t token) {
  const auto gone = admin_.revoke_token(Call::until(clock_.now() + kGiveBackWait), token);
  if (!gone) {
    log(Severity::debug, "token not given back", {{"token", std::to_string(token)}});
  }
}

}  // namespace outboard::harness
