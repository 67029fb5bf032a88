#include "harness/exec_agent/inner/process_tree.h"

#include <dirent.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <map>
#include <set>
#include <string>

namespace outboard::harness {
namespace {

constexpr int kStopRoundsMax = 100;
constexpr int kStoppedLooksMax = 2'000;  // half a millisecond apart: a second

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = '?';
};

// "12 (any name) S 4 …": the name may contain anything, so the last parenthesis counts.
bool read_process(const char* pid, Process& process) {
  std::ifstream file("/proc/" + std::string(pid) + "/stat");
  // Of a process that ends meanwhile the kernel says ESRCH, which getline does not throw.
  std::string text;
  std::getline(file, text, '\0');
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  int parent = 0;
  if (std::sscanf(text.c_str() + name_end + 1, " %c %d", &process.state, &parent) != 2)
    return false;
  process.pid = static_cast<pid_t>(std::strtol(pid, nullptr, 10));
  process.parent = parent;
  return true;
}

std::vector<Process> all_processes() {
  std::vector<Process> processes;
  DIR* directory = ::opendir("/proc");
  if (directory == nullptr) return processes;
  while (const dirent* entry = ::readdir(directory)) {
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    Process process;
    if (read_process(entry->d_name, process)) processes.push_back(process);
  }
  ::closedir(directory);
  return processes;
}

bool all_stopped() {
  for (const Process& process : all_processes()) {
    if (process.pid == ::getpid()) continue;
    if (std::strchr("TtZX", process.state) == nullptr) return false;
  }
  return true;
}

}  // namespace

std::vector<pid_t> descendants() {
  std::multimap<pid_t, pid_t> children;
  for (const Process& process : all_processes()) children.emplace(process.parent, process.pid);
  std::vector<pid_t> found{::getpid()};
  for (std::size_t i = 0; i < found.size(); ++i) {
    const auto [first, last] = children.equal_range(found[i]);
    for (auto child = first; child != last; ++child) found.push_back(child->second);
  }
  found.erase(found.begin());
  return found;
}

void signal_descendants(int number) {
  if (number == SIGKILL) {
    std::set<pid_t> stopped;
    for (int round = 0; round < kStopRoundsMax; ++round) {
      bool found_new = false;
      for (const pid_t pid : descendants()) {
        if (!stopped.insert(pid).second) continue;
        ::kill(pid, SIGSTOP);
        found_new = true;
      }
      if (!found_new) break;
    }
  }
  for (const pid_t pid : descendants()) ::kill(pid, number);
}

bool stop_everything() {
  ::kill(-1, SIGSTOP);  // of this pid namespace, all but init: at once, under the kernel's lock
  const timespec pause{0, 500'000};
  for (int look = 0; look < kStoppedLooksMax; ++look) {
    if (all_stopped()) return true;
    ::nanosleep(&pause, nullptr);  // the kernel tells nobody but the parent
  }
  continue_everything();
  return false;
}

void continue_everything() {
  ::kill(-1, SIGCONT);
}

}  // namespace outboard::harness
