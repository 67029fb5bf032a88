// KernelProbe: whether this kernel does what views of ours rest on, tried before one is announced.
//
// Mounter → a process of its own → two files that nobody else can see. A view's names are
// remembered by the kernel until they are dropped; then a new opener must get the new node, while
// who had the old one open keeps its bytes. A kernel that does otherwise would show old files for
// ever. [S1, S5]
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "fusefs/kernel/fuse.h"

namespace outboard::fusefs {

enum class KernelVerdict : std::uint8_t {
  forgets,    // what it is told to, and nothing else
  remembers,  // what it was told to forget
  untried,    // this process may not mount where nobody sees it, or it took too long
};

// Tells the kernel that both names mean something else now.
void drop_names(fuse_session* session);

// Mounts over `place`, an existing directory, in a mount namespace of this process's own, and
// leaves that for good. A kernel that hangs ends the process. REQUIRES: a process made for it, of
// one thread.
KernelVerdict probe_kernel(const std::string& place,
                           const std::function<void(fuse_session*)>& drop = drop_names);

}  // namespace outboard::fusefs
