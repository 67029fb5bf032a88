// OuterPlan: what a sandbox's outer layer is to run, as the provider's arguments say it.
//
// Within the outer layer the sandbox's directory is /box:
//   /box/workspace            the commands' user's
//   /box/views/N              where the mount daemon mounts view N
//   /box/mount                the mount daemon's: token, control socket, and the one on which it
//                             says who goes on as the daemon
//   /box/outer.sock           root's: who asks for another daemon (replace_words.h)
//   /box/exec, /box/run       the exec agent's: what it keeps; its socket
//   /box/etc, /box/log        root's: files for the inner root; what the programs say
// and /programs has Outboard's programs, /cgroup the inner layer's cgroup.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace outboard::harness {

struct OuterView {
  std::string path;    // "/skills"; "/memory/mine" stands in the view "/memory"
  std::string volume;  // "acme/skills"
  bool writable = false;
};

struct OuterPlan {
  std::string session;
  std::string generation;
  std::string author;
  std::string server;            // as reached from within
  std::vector<OuterView> views;  // each behind the one that it stands in
  uid_t daemon_user = 0;
  uid_t agent_user = 0;
  uid_t command_user = 0;
  bool cgroup = false;  // /cgroup is there
  int go_fd = -1;       // a byte: begin; its end: do not
  int ready_fd = -1;    // gets a line when commands can be taken
};

// argv → plan; the error says which argument.
std::string parse_plan(int argc, char** argv, OuterPlan& plan);

// The inverse, for the provider.
std::vector<std::string> arguments_of(const OuterPlan& plan);

// Of a view inside another: below that one's.
std::string view_mountpoint(const OuterPlan& plan, std::size_t index);

// The command lines of the programs.
std::vector<std::string> daemon_command(const OuterPlan& plan, int ready_fd);
std::vector<std::string> successor_command();  // of any mount daemon
std::vector<std::string> agent_command(const OuterPlan& plan, int inner_fd, int ready_fd);
std::vector<std::string> inner_command(const OuterPlan& plan);

}  // namespace outboard::harness
