// Peers: other filesystems that show one directory in several places, measured beside ours.
//
// bindfs is the floor of any mount by libfuse: it does nothing but pass on. sshfs speaks to a
// sftp-server of this machine through a pipe: no network, no encryption. Neither keeps anything at
// close, versions it, or tells another mount.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace outboard::bench {

struct PeerKind {
  std::string name;     // "bindfs"
  std::string command;  // of a shell, for $FROM and $TO
  int looks = 0;        // how often it is waited for until another mount shows a change
};

// Those whose programs are here. Says which are not.
std::vector<PeerKind> peers_here();

class PeerMount {
 public:
  // Shows `from` at `to`, which it makes. Ends the program when the peer does not.
  PeerMount(const PeerKind& kind, const std::string& from, const std::string& to);
  ~PeerMount();
  PeerMount(const PeerMount&) = delete;
  PeerMount& operator=(const PeerMount&) = delete;

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }

 private:
  std::string name_, path_;
};

}  // namespace outboard::bench
