// The box: a sandbox's directory on this host, as the outer layer finds it under /box.
#pragma once

#include <string>

#include "core/result.h"
#include "harness/sandboxes/sandbox.h"

namespace outboard::harness {

// Makes it (or what is missing of it) for a new generation: fresh directories for agent and
// daemon, the token, the files for the inner root; the workspace stays as it was.
Status prepare_box(const std::string& home, const SandboxSpec& spec, unsigned first_user);

std::string workspace_of(const std::string& home);
std::string record_of(const std::string& home);
std::string socket_of(const std::string& home);
std::string token_of(const std::string& home);
std::string outer_socket_of(const std::string& home);  // root's: replace_words.h

// Removes a tree without following a symlink or leaving its filesystem: what a model made is in it.
Status remove_tree(const std::string& path);

// The last lines of what a sandbox's programs said, for an error that a person reads.
std::string last_words(const std::string& home);
// Of one of them, as its log is named.
std::string last_words(const std::string& home, const std::string& name);

// Held by whoever makes or ends a session's sandbox, among all harnesses of the host: one byte of
// one file, so that nothing is left of it.
class BoxLock {
 public:
  // Blocks.
  BoxLock(const std::string& directory, const SessionId& session);
  ~BoxLock();
  BoxLock(const BoxLock&) = delete;
  BoxLock& operator=(const BoxLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace outboard::harness
