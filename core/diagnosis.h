// Diagnosis: what somebody who looked at a deployment found, finding by finding, each with the way
// out. And Examiner: whoever looks.
//
// `outboard doctor` puts together what the server says of itself (AdminService.Diagnose: its
// database, its disk, its certificate, its queues) and what only the asking machine can see
// (whether it is reached, its own clock, its mount).
//
// A finding says what is so in words of its own, so that a new check needs no new field on the
// wire.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/call.h"
#include "core/clock.h"
#include "core/result.h"

namespace outboard {

enum class Verdict {
  fine,      // as it should be
  doubtful,  // works now; somebody should look at it
  wrong,     // promises are broken, or soon will be
};

// "fine", "doubtful", "wrong".
std::string_view name_of(Verdict verdict);

struct Diagnosis {
  struct Finding {
    std::string check;  // what was looked at: "disk", "fsync"
    Verdict verdict = Verdict::fine;
    std::string found;    // a sentence
    std::string way_out;  // what to do; empty when all is fine

    friend bool operator==(const Finding&, const Finding&) = default;
  };

  std::vector<Finding> findings;
  Timestamp database_time;  // by which tokens expire and leases end; 0: the database is away

  void fine(std::string check, std::string found) {
    findings.push_back({std::move(check), Verdict::fine, std::move(found), {}});
  }
  void doubtful(std::string check, std::string found, std::string way_out) {
    findings.push_back({std::move(check), Verdict::doubtful, std::move(found), std::move(way_out)});
  }
  void wrong(std::string check, std::string found, std::string way_out) {
    findings.push_back({std::move(check), Verdict::wrong, std::move(found), std::move(way_out)});
  }

  friend bool operator==(const Diagnosis&, const Diagnosis&) = default;
};

// Who may hear of more than itself.
inline bool is_site_administrator(const Caller& caller) {
  return caller.admin && caller.organisation == 0;
}

class Examiner {
 public:
  virtual ~Examiner() = default;
  // Every token may ask, and hears of itself; the site administrator hears of the deployment. A
  // database that is away is a finding, not an Error. unavailable: the server cannot be reached.
  virtual Result<Diagnosis> examine(const Call& call) = 0;
};

}  // namespace outboard
