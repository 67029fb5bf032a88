// HostedSession: one claimed session with all that its runner needs: its model, its tools with the
// creator's rights on the volumes, the words of its prompt, the token of its sandbox.
//
// Worker → HostedSession → Runner. Made for each claim, gone when the session rests; what lasts is
// in the journal. run() on one of the worker's threads, notice() and leave() from any.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "core/store.h"
#include "harness/hosting/model_shelf.h"
#include "harness/hosting/rights.h"
#include "harness/journal/blobs.h"
#include "harness/journal/journal.h"
#include "harness/loop/watcher.h"
#include "harness/loop/worker.h"
#include "harness/sandboxes/sandbox.h"
#include "harness/tools/route.h"

namespace outboard::harness {

// What all sessions of a harness share.
struct Host {
  Journal& journal;
  Blobs& blobs;
  const ModelShelf& models;
  Sandboxes& sandboxes;
  Rights& rights;
  Watcher& watcher;
  const Clock& clock;
  std::string worker;
  std::string server;                // the store's address, for the sandboxes' mount daemons
  std::vector<Mapping> mappings;     // what the tools and the sandbox see of the volumes
  std::vector<std::string> approve;  // tools whose calls wait for a person
  // A store with the rights of that token.
  std::function<Result<std::unique_ptr<Store>>(const std::string& token)> open_store;
  // It runs here no more.
  std::function<void(SessionId)> on_rest;
};

// For Worker. `host` outlives what it makes. Errors: a model that is not here, a store or a server
// that cannot be reached, a creator who is gone.
OpenSession host_sessions(const Host& host);

}  // namespace outboard::harness
