// What a confined process can do, and what it cannot: each in a child, since it is for good.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/capability.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <thread>

#include "fusefs/confinement/privileges.h"
#include "fusefs/confinement/syscall_filter.h"

namespace outboard::fusefs {
namespace {

// What `body` says in a process of its own.
std::string in_child(const std::function<std::string()>& body) {
  std::array<int, 2> ends{};
  EXPECT_EQ(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const std::string said = body();
    ::_exit(::write(ends[1], said.data(), said.size()) < 0 ? 1 : 0);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) > 0;) {
    said.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  int how = 0;
  ::waitpid(child, &how, 0);
  if (WIFSIGNALED(how)) said += "killed by " + std::to_string(WTERMSIG(how));
  return said;
}

std::string confined(const std::function<std::string()>& body, Duty duty = Duty::serving,
                     Capabilities keep = 0) {
  return in_child([&]() -> std::string {
    if (auto dropped = drop_privileges(std::nullopt, keep); !dropped) {
      return dropped.error().message;
    }
    if (auto filtered = filter_syscalls(duty); !filtered) return filtered.error().message;
    return body();
  });
}

// "all are refused", or what was not, with that number. A program that was started says nothing.
std::string let_through(const std::map<std::string, std::function<long()>>& attempts,
                        int number = EPERM) {
  std::string through;
  for (const auto& [name, attempt] : attempts) {
    errno = 0;
    if (attempt() == -1 && errno == number) continue;
    through += name + " (errno " + std::to_string(errno) + ") ";
  }
  return through.empty() ? "all are refused" : through;
}

long execute(const char* program) {
  char* const words[] = {nullptr};
  return ::execve(program, words, words);
}

TEST(SyscallFilter, S60_ADaemonStartsNoProgramAndReachesNoOtherProcess) {
  const pid_t parent = ::getpid();
  const std::string through = confined([parent] {
    return let_through({
        {"execve", [] { return execute("/bin/true"); }},
        {"execveat", [] { return ::syscall(SYS_execveat, 0, "", nullptr, nullptr, 0); }},
        {"fork", [] { return ::syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0); }},
#ifdef SYS_vfork
        {"vfork", [] { return ::syscall(SYS_vfork); }},
#endif
        {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
        {"process_vm_readv", [] { return ::syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0); }},
        {"kill another", [parent] { return long{::kill(parent, 0)}; }},
        {"kill all", [] { return long{::kill(-1, 0)}; }},
        {"tgkill another", [parent] { return ::syscall(SYS_tgkill, parent, parent, 0); }},
        {"pidfd_send_signal", [] { return ::syscall(SYS_pidfd_send_signal, 0, 0, 0, 0); }},
        {"prlimit another",
         [parent] { return ::syscall(SYS_prlimit64, parent, 0, nullptr, nullptr); }},
        {"prctl dumpable", [] { return long{::prctl(PR_SET_DUMPABLE, 1)}; }},
        {"prctl subreaper", [] { return long{::prctl(PR_SET_CHILD_SUBREAPER, 1)}; }},
    });
  });
  EXPECT_EQ(through, "all are refused");
}

// With a disk cache it may make entries, and nothing that anybody could execute or mistake.
TEST(SyscallFilter, S60_OnlyADaemonThatKeepsContentsMakesFilesOfItsOwn) {
  const auto making = [] {
    return let_through({
        {"mkdirat", [] { return long{::mkdirat(-1, "none", 0700)}; }},
        {"renameat", [] { return long{::renameat(-1, "none", -1, "other")}; }},
        {"utimensat", [] { return long{::utimensat(-1, "none", nullptr, 0)}; }},
    });
  };
  EXPECT_EQ(confined(making), "all are refused");
  EXPECT_EQ(confined(making, Duty::keeping),
            "mkdirat (errno 9) renameat (errno 9) utimensat (errno 9) ");
  const auto others = [] {
    return let_through({
        {"execve", [] { return execute("/bin/true"); }},
        {"linkat", [] { return long{::linkat(-1, "none", -1, "other", 0)}; }},
        {"symlinkat", [] { return long{::symlinkat("none", -1, "other")}; }},
        {"fchmodat", [] { return long{::fchmodat(-1, "none", 0777, 0)}; }},
        {"fchownat", [] { return long{::fchownat(-1, "none", 1, 1, 0)}; }},
        {"mknodat", [] { return long{::mknodat(-1, "none", S_IFIFO, 0)}; }},
    });
  };
  EXPECT_EQ(confined(others, Duty::keeping), "all are refused");
}

TEST(SyscallFilter, S60_ADaemonChangesNoMountAndNoNamespaceAndNotTheKernel) {
  const std::string through = confined([] {
    return let_through({
        {"mount", [] { return long{::mount("none", "/tmp", "tmpfs", 0, nullptr)}; }},
        {"umount", [] { return long{::umount2("/nowhere", 0)}; }},
        {"open_tree", [] { return ::syscall(SYS_open_tree, -1, "/", 0); }},
        {"move_mount", [] { return ::syscall(SYS_move_mount, 0, "", 0, "", 0); }},
        {"fsopen", [] { return ::syscall(SYS_fsopen, "tmpfs", 0); }},
        {"pivot_root", [] { return ::syscall(SYS_pivot_root, "/", "/"); }},
        {"chroot", [] { return long{::chroot("/")}; }},
        {"unshare", [] { return ::syscall(SYS_unshare, 0x10000000); }},
        {"setns", [] { return ::syscall(SYS_setns, 0, 0); }},
        {"bpf", [] { return ::syscall(SYS_bpf, 0, nullptr, 0); }},
        {"io_uring", [] { return ::syscall(SYS_io_uring_setup, 1, nullptr); }},
        {"perf", [] { return ::syscall(SYS_perf_event_open, nullptr, 0, 0, -1, 0); }},
        {"keyctl", [] { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }},
        {"userfaultfd", [] { return ::syscall(SYS_userfaultfd, 0); }},
        {"setuid", [] { return ::syscall(SYS_setuid, ::getuid()); }},
        {"chmod", [] { return ::syscall(SYS_fchmodat, -1, "/nowhere", 0, 0); }},
        {"packet socket", [] { return long{::socket(AF_PACKET, SOCK_RAW, 0)}; }},
        {"crypto socket", [] { return long{::socket(AF_ALG, SOCK_SEQPACKET, 0)}; }},
        {"a second filter", [] { return ::syscall(SYS_seccomp, 0, 0, nullptr); }},
    });
  });
  EXPECT_EQ(through, "all are refused");
}

TEST(SyscallFilter, S60_WhatADaemonDoesGoesOn) {
  const std::string said = confined([]() -> std::string {
    std::ifstream file("/proc/self/status");
    std::string line;
    if (!std::getline(file, line)) return "no file can be read";
    bool threaded = false;
    std::thread([&threaded] { threaded = true; }).join();
    if (!threaded) return "no thread can be made";
    for (const int family : {AF_UNIX, AF_INET, AF_INET6}) {
      const int socket = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
      if (socket < 0 && errno == EPERM) return "no socket of family " + std::to_string(family);
      if (socket >= 0) ::close(socket);
    }
    if (::kill(::getpid(), 0) != 0) return "it cannot signal itself";
    if (::raise(0) != 0) return "it cannot signal its thread";
    return "all is well";
  });
  EXPECT_EQ(said, "all is well");
}

TEST(SyscallFilter, S60_WhatIsNewerThanTheFilterDoesNotExist) {
  const std::string through = confined([] {
    return let_through({{"600", [] { return ::syscall(600); }},
                        {"clone3", [] { return ::syscall(SYS_clone3, 0, 0); }}},
                       ENOSYS);
  });
  EXPECT_EQ(through, "all are refused");
}

TEST(SyscallFilter, S60_FiltersThreadsThatAreThereAlready) {
  const std::string said = in_child([]() -> std::string {
    if (!drop_privileges(std::nullopt)) return "not dropped";
    std::atomic<bool> filtered = false;
    std::string through;
    std::thread before([&] {
      while (!filtered) std::this_thread::yield();
      through = let_through({{"execve", [] { return execute("/bin/true"); }}});
    });
    if (auto set = filter_syscalls(Duty::serving); !set) through = set.error().message;
    filtered = true;
    before.join();
    return through;
  });
  EXPECT_EQ(said, "all are refused");
}

TEST(SyscallFilter, S60_TheMounterMountsButTalksToNobodyAndStartsNoProgram) {
  const pid_t parent = ::getpid();
  const std::string said = confined(
      [parent] {
        std::string through = let_through({
            {"execve", [] { return execute("/bin/true"); }},
            {"ptrace", [] { return ::syscall(SYS_ptrace, PTRACE_TRACEME, 0, 0, 0); }},
            {"kill another", [parent] { return long{::kill(parent, 0)}; }},
            {"socket", [] { return long{::socket(AF_INET, SOCK_STREAM, 0)}; }},
            {"connect", [] { return long{::connect(0, nullptr, 0)}; }},
            {"open_tree", [] { return ::syscall(SYS_open_tree, -1, "/", 0); }},
            {"setns", [] { return ::syscall(SYS_setns, 0, 0); }},
            {"setuid", [] { return ::syscall(SYS_setuid, ::getuid()); }},
        });
        const bool unmounts = ::umount2("/nowhere", 0) == -1 && errno == ENOENT;
        return through + (unmounts ? ", it unmounts" : ", it does not unmount");
      },
      Duty::mounting, 1ULL << CAP_SYS_ADMIN);
  EXPECT_EQ(said, ::getuid() == 0 ? "all are refused, it unmounts"
                                  : "all are refused, it does not unmount");
}

TEST(Privileges, S60_NothingIsLeftOfThem) {
  const std::string said = in_child([]() -> std::string {
    if (auto dropped = drop_privileges(std::nullopt); !dropped) return dropped.error().message;
    if (permitted_capabilities() != 0) return "capabilities are left";
    if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1) return "privileges can be gained";
    if (::prctl(PR_GET_DUMPABLE) != 0) return "its memory can be read";
    return "nothing is left";
  });
  EXPECT_EQ(said, "nothing is left");
}

TEST(Privileges, S60_RootBecomesAnotherUserForGoodAndWhatIsKeptStays) {
  if (::getuid() != 0) GTEST_SKIP() << "only root can become somebody else";
  const std::string said = in_child([]() -> std::string {
    const Capabilities kept = 1ULL << CAP_SYS_ADMIN;
    auto dropped = drop_privileges(Identity{12345, 12346}, kept);
    if (!dropped) return dropped.error().message;
    if (permitted_capabilities() != kept) return "it has other capabilities";
    if (::setuid(0) == 0 || ::setgid(0) == 0) return "it becomes root again";
    if (::getgroups(0, nullptr) != 0) return "it has root's groups";
    return std::to_string(::getuid()) + ":" + std::to_string(::getgid());
  });
  EXPECT_EQ(said, "12345:12346");
}

TEST(Privileges, WhoIsNotRootCannotBecomeAnother) {
  const std::string said = in_child([]() -> std::string {
    if (::getuid() == 0 && (::setgid(12346) != 0 || ::setuid(12345) != 0)) return "no other user";
    const auto refused = drop_privileges(Identity{12347, 12347});
    return refused ? "became another" : std::string(name_of(refused.error().code));
  });
  EXPECT_EQ(said, "no_access");
}

TEST(Privileges, AnIdentityIsTwoNumbersOrOne) {
  EXPECT_EQ(*parse_identity("1000"), (Identity{1000, 1000}));
  EXPECT_EQ(*parse_identity("1000:100"), (Identity{1000, 100}));
  for (const char* wrong : {"", "0", "1000:", ":1", "1:0", "ada", "-1", "1:2:3", "4294967295"}) {
    EXPECT_FALSE(parse_identity(wrong)) << wrong;
  }
}

}  // namespace
}  // namespace outboard::fusefs
