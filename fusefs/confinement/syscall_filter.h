// SyscallFilter: the system calls that a daemon of ours needs, and no other, kept by the kernel.
//
// What is not listed fails with EPERM (with ENOSYS when it is newer than this list, so that the C
// library takes an older one): a daemon that was taken over cannot start a program, mount, trace,
// signal others, or open kinds of sockets that it does not speak. [S60, D35]
#pragma once

#include <cstdint>

#include "core/result.h"

namespace outboard::fusefs {

enum class Duty : std::uint8_t {
  serving,   // files, sockets, threads; no process but itself
  keeping,   // and to make files of its own on the disk
  mounting,  // files, mounts, children that walk; no sockets but those it has, no program
  telling,   // names and files; nothing else
};

// For all threads of the process, and for good. unavailable: this kernel has no seccomp filters.
// REQUIRES: privileges were dropped.
Status filter_syscalls(Duty duty);

}  // namespace outboard::fusefs
