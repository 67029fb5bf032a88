#include "bench/mount/peers.h"

#include <filesystem>
#include <iostream>

#include "core/check.h"
#include "tests/support/child_process.h"

namespace outboard::bench {
namespace {

constexpr const char* kSftpServer = "/usr/lib/openssh/sftp-server";

int shell(const std::string& command, std::vector<std::string> environment = {}) {
  return tests::run({"/bin/sh", "-c", command},
                    tests::ChildOptions{
                        .user = {}, .environment = std::move(environment), .output = "/dev/null"});
}

// sshfs starts what it takes for ssh with words of its own, which a shell is let ignore.
std::string sshfs(const std::string& options) {
  return std::string("printf '#!/bin/sh\\nexec ") + kSftpServer +
         "\\n' > $TO.ssh && chmod +x $TO.ssh && sshfs -o ssh_command=$TO.ssh" + options +
         " here:$FROM $TO";
}

}  // namespace

std::vector<PeerKind> peers_here() {
  std::vector<PeerKind> found;
  if (shell("command -v bindfs") == 0) {
    found.push_back({"bindfs", "bindfs $FROM $TO", 10});
  } else {
    std::cout << "no bindfs here (apt-get install bindfs): that side is left out\n";
  }
  if (shell(std::string("command -v sshfs && test -x ") + kSftpServer) == 0) {
    // As it comes it believes for up to 20 s what it has seen: each look may take as long.
    found.push_back({"sshfs", sshfs(""), 2});
    found.push_back({"sshfs-fresh",
                     sshfs(" -o dir_cache=no,attr_timeout=0,entry_timeout=0,negative_timeout=0"),
                     50});
  } else {
    std::cout
        << "no sshfs here (apt-get install sshfs openssh-sftp-server): that side is left out\n";
  }
  return found;
}

PeerMount::PeerMount(const PeerKind& kind, const std::string& from, const std::string& to)
    : name_(kind.name), path_(to) {
  std::filesystem::create_directories(from);
  std::filesystem::create_directories(to);
  CHECK(shell(kind.command, {"FROM=" + from, "TO=" + to}) == 0);
}

PeerMount::~PeerMount() {
  shell("fusermount3 -u $TO || umount $TO", {"TO=" + path_});
}

}  // namespace outboard::bench
