#include "fusefs/confinement/syscall_filter.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <initializer_list>
#include <string>
#include <vector>

namespace outboard::fusefs {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "which numbers system calls have here is not known yet"
#endif
constexpr std::uint32_t kNewestKnown = 450;        // set_mempolicy_home_node, Linux 5.17
constexpr std::uint32_t kNameMemory = 0x53564d41;  // PR_SET_VMA: newer C libraries name memory

// Memory, threads, time, and files by path and descriptor.
constexpr std::initializer_list<std::uint32_t> kCommon = {
    __NR_brk,
    __NR_mmap,
    __NR_munmap,
    __NR_mremap,
    __NR_mprotect,
    __NR_madvise,
    __NR_mincore,
    __NR_membarrier,
    __NR_futex,
    __NR_set_robust_list,
    __NR_get_robust_list,
    __NR_rseq,
    __NR_set_tid_address,
    __NR_sched_yield,
    __NR_sched_getaffinity,
    __NR_sched_getscheduler,
    __NR_sched_getparam,
    __NR_getcpu,
    __NR_exit,
    __NR_exit_group,
    __NR_rt_sigaction,
    __NR_rt_sigprocmask,
    __NR_rt_sigreturn,
    __NR_rt_sigtimedwait,
    __NR_sigaltstack,
    __NR_restart_syscall,
    __NR_clock_gettime,
    __NR_clock_getres,
    __NR_clock_nanosleep,
    __NR_nanosleep,
    __NR_gettimeofday,
    __NR_getrandom,
    __NR_uname,
    __NR_sysinfo,
    __NR_getpid,
    __NR_getppid,
    __NR_gettid,
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_getresuid,
    __NR_getresgid,
    __NR_getrusage,
    __NR_times,
    __NR_read,
    __NR_write,
    __NR_readv,
    __NR_writev,
    __NR_pread64,
    __NR_pwrite64,
    __NR_preadv,
    __NR_pwritev,
    __NR_lseek,
    __NR_openat,
    __NR_close,
    __NR_fstat,
    __NR_newfstatat,
    __NR_statx,
    __NR_faccessat,
    __NR_faccessat2,
    __NR_readlinkat,
    __NR_getdents64,
    __NR_fcntl,
    __NR_ioctl,
    __NR_dup,
    __NR_dup3,
    __NR_pipe2,
    __NR_unlinkat,
    __NR_umask,
    __NR_getcwd,
    __NR_fadvise64,
    __NR_statfs,
    __NR_fstatfs,
    __NR_ppoll,
    __NR_pselect6,
    __NR_wait4,
    __NR_waitid,
    __NR_pidfd_open,
#if defined(__x86_64__)
    __NR_time,
    __NR_open,
    __NR_stat,
    __NR_lstat,
    __NR_access,
    __NR_readlink,
    __NR_dup2,
    __NR_pipe,
    __NR_unlink,
    __NR_poll,
    __NR_select,
#endif
};

constexpr std::initializer_list<std::uint32_t> kServing = {
    __NR_fchmod,  // of a socket, before it has a name
    __NR_bind,          __NR_listen,         __NR_accept,          __NR_accept4,
    __NR_connect,       __NR_getsockname,    __NR_getpeername,     __NR_getsockopt,
    __NR_setsockopt,    __NR_sendto,         __NR_recvfrom,        __NR_sendmsg,
    __NR_recvmsg,       __NR_sendmmsg,       __NR_recvmmsg,        __NR_shutdown,
    __NR_epoll_create1, __NR_epoll_ctl,      __NR_epoll_pwait,     __NR_epoll_pwait2,
    __NR_eventfd2,      __NR_timerfd_create, __NR_timerfd_settime, __NR_timerfd_gettime,
#if defined(__x86_64__)
    __NR_epoll_create,  __NR_epoll_wait,
#endif
};

constexpr std::initializer_list<std::uint32_t> kKeeping = {
    __NR_mkdirat,
    __NR_renameat,
    __NR_utimensat,
};

constexpr std::initializer_list<std::uint32_t> kMounting = {
    __NR_mount,     __NR_umount2, __NR_clone,  __NR_sendmsg, __NR_recvmsg,
    __NR_setitimer, __NR_prctl,   __NR_capget, __NR_capset,  __NR_openat2,
#if defined(__x86_64__)
    __NR_alarm,     __NR_fork,
#endif
};

constexpr std::initializer_list<std::uint32_t> kTelling = {
    __NR_openat2, __NR_mkdirat, __NR_symlinkat, __NR_renameat, __NR_ftruncate, __NR_utimensat,
};

class Program {
 public:
  Program() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0);
    answer(SECCOMP_RET_ERRNO | EPERM);
    load(offsetof(seccomp_data, nr));
  }

  void allow(std::initializer_list<std::uint32_t> numbers) {
    for (const std::uint32_t number : numbers) {
      add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
      answer(SECCOMP_RET_ALLOW);
    }
  }

  void refuse(std::uint32_t number, std::uint32_t error) {
    add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1);
    answer(SECCOMP_RET_ERRNO | error);
  }

  // Only with one of these as its first argument, of which the kernel reads 32 bits.
  void allow_with(std::uint32_t number, std::initializer_list<std::uint32_t> first) {
    const auto skipped = static_cast<std::uint8_t>(2 + 2 * first.size());
    add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, skipped);
    load(offsetof(seccomp_data, args));
    for (const std::uint32_t value : first) {
      add(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1);
      answer(SECCOMP_RET_ALLOW);
    }
    answer(SECCOMP_RET_ERRNO | EPERM);
  }

  // Only with this bit in its first argument.
  void allow_with_bit(std::uint32_t number, std::uint32_t bit) {
    add(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 4);
    load(offsetof(seccomp_data, args));
    add(BPF_JMP | BPF_JSET | BPF_K, bit, 0, 1);
    answer(SECCOMP_RET_ALLOW);
    answer(SECCOMP_RET_ERRNO | EPERM);
  }

  std::vector<sock_filter> end() && {
    add(BPF_JMP | BPF_JGT | BPF_K, kNewestKnown, 0, 1);
    answer(SECCOMP_RET_ERRNO | ENOSYS);
    answer(SECCOMP_RET_ERRNO | EPERM);
    return std::move(code_);
  }

 private:
  void add(int code, std::uint32_t value, std::uint8_t met, std::uint8_t unmet) {
    code_.push_back({static_cast<std::uint16_t>(code), met, unmet, value});
  }
  void load(std::size_t offset) {
    add(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset), 0, 0);
  }
  void answer(std::uint32_t value) { add(BPF_RET | BPF_K, value, 0, 0); }

  std::vector<sock_filter> code_;
};

std::vector<sock_filter> program_for(Duty duty) {
  Program program;
  program.allow(kCommon);
  const auto self = static_cast<std::uint32_t>(::getpid());
  program.allow_with(__NR_tgkill, {self});
  program.allow_with(__NR_kill, {self});
  // Its flags lie in memory, where no filter sees them: the C library goes on to clone.
  program.refuse(__NR_clone3, ENOSYS);
  if (duty == Duty::mounting) {
    program.allow(kMounting);
    return std::move(program).end();
  }
  if (duty == Duty::telling) {
    program.allow(kTelling);
    return std::move(program).end();
  }
  if (duty == Duty::keeping) program.allow(kKeeping);
  program.allow(kServing);
  program.allow_with(__NR_socket, {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK});
  program.allow_with(__NR_socketpair, {AF_UNIX});
  program.allow_with(__NR_prctl, {PR_SET_NAME, PR_GET_NAME, kNameMemory});
  program.allow_with(__NR_prlimit64, {0, self});
  program.allow_with_bit(__NR_clone, CLONE_THREAD);
  return std::move(program).end();
}

}  // namespace

Status filter_syscalls(Duty duty) {
  std::vector<sock_filter> code = program_for(duty);
  const sock_fprog filter{static_cast<unsigned short>(code.size()), code.data()};
  if (::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &filter) == 0) {
    return success();
  }
  char text[128] = {};
  return Error{Code::unavailable, std::string("this kernel takes no filter of system calls: ") +
                                      strerror_r(errno, text, sizeof text)};
}

}  // namespace outboard::fusefs
