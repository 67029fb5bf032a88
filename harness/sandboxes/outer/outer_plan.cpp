#include "harness/sandboxes/outer/outer_plan.h"

#include <charconv>
#include <string_view>

#include "core/limits.h"

namespace outboard::harness {
namespace {

// The uid that the model's commands see as their own.
constexpr const char* kInnerUser = "1000";

using Words = std::vector<std::string>;

void add(Words& words, std::initializer_list<std::string> more) {
  words.insert(words.end(), more);
}

template <class Number>
bool parse_number(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// "/skills=acme/skills:ro"
bool parse_view(std::string_view text, OuterView& view) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = text.rfind(':');
  if (equals == std::string_view::npos || colon == std::string_view::npos || colon < equals) {
    return false;
  }
  view.path = text.substr(0, equals);
  view.volume = text.substr(equals + 1, colon - equals - 1);
  view.writable = text.substr(colon + 1) == "rw";
  return view.path.starts_with('/') && !view.volume.empty();
}

bool take(std::string_view name, std::string_view value, OuterPlan& plan) {
  if (name == "--session") return plan.session = value, true;
  if (name == "--generation") return plan.generation = value, true;
  if (name == "--author") return plan.author = value, true;
  if (name == "--server") return plan.server = value, true;
  if (name == "--view") return parse_view(value, plan.views.emplace_back());
  if (name == "--daemon-user") return parse_number(value, plan.daemon_user);
  if (name == "--agent-user") return parse_number(value, plan.agent_user);
  if (name == "--command-user") return parse_number(value, plan.command_user);
  if (name == "--cgroup") return plan.cgroup = value == "yes", true;
  if (name == "--go-fd") return parse_number(value, plan.go_fd);
  if (name == "--ready-fd") return parse_number(value, plan.ready_fd);
  return false;
}

void add_root(Words& words) {
  add(words, {"--ro-bind", "/usr", "/usr"});
  for (const std::string name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    add(words, {"--symlink", "usr/" + name, "/" + name});
  }
  for (const std::string name :
       {"alternatives", "ld.so.cache", "ld.so.conf", "localtime", "mime.types", "ssl/certs"}) {
    add(words, {"--ro-bind-try", "/etc/" + name, "/etc/" + name});
  }
  for (const std::string name : {"passwd", "group", "hosts", "nsswitch.conf"}) {
    add(words, {"--ro-bind", "/box/etc/" + name, "/etc/" + name});
  }
  add(words,
      {"--proc", "/proc", "--dev", "/dev", "--size", std::to_string(kSandboxTmpBytesMax), "--tmpfs",
       "/tmp", "--tmpfs", "/run", "--tmpfs", "/home/agent", "--symlink", "../tmp", "/var/tmp"});
}

}  // namespace

std::string parse_plan(int argc, char** argv, OuterPlan& plan) {
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 >= argc || !take(argv[i], argv[i + 1], plan)) {
      return std::string(argv[i]) +
             " is unknown, or its value is not valid; this program is "
             "started by the sandbox provider only";
    }
  }
  if (plan.session.empty() || plan.command_user == 0 || plan.agent_user == 0) {
    return "--session and the users are missing; this program is started by the sandbox provider "
           "only";
  }
  return {};
}

std::vector<std::string> arguments_of(const OuterPlan& plan) {
  Words words{"--session",      plan.session,
              "--generation",   plan.generation,
              "--author",       plan.author,
              "--server",       plan.server,
              "--daemon-user",  std::to_string(plan.daemon_user),
              "--agent-user",   std::to_string(plan.agent_user),
              "--command-user", std::to_string(plan.command_user),
              "--cgroup",       plan.cgroup ? "yes" : "no",
              "--go-fd",        std::to_string(plan.go_fd),
              "--ready-fd",     std::to_string(plan.ready_fd)};
  for (const OuterView& view : plan.views) {
    add(words, {"--view", view.path + "=" + view.volume + (view.writable ? ":rw" : ":ro")});
  }
  return words;
}

std::string view_mountpoint(const OuterPlan& plan, std::size_t index) {
  const std::string& path = plan.views[index].path;
  const auto name = path.rfind('/');
  for (std::size_t i = 0; name > 0 && i < plan.views.size(); ++i) {
    if (plan.views[i].path == path.substr(0, name)) {
      return view_mountpoint(plan, i) + path.substr(name);
    }
  }
  return "/box/views/" + std::to_string(index);
}

std::vector<std::string> daemon_command(const OuterPlan& plan, int ready_fd) {
  const std::string user = std::to_string(plan.command_user);
  Words words{"/programs/outboard-fuse",
              "--server",
              plan.server,
              "--token-file",
              "/box/mount/token",
              "--uid",
              user,
              "--gid",
              user,
              "--control",
              "/box/mount/control",
              "--ready-fd",
              std::to_string(ready_fd)};
  for (std::size_t i = 0; i < plan.views.size(); ++i) {
    const OuterView& view = plan.views[i];
    add(words, {"--mount",
                view_mountpoint(plan, i) + "=" + view.volume + (view.writable ? ":rw" : ":ro")});
  }
  return words;
}

std::vector<std::string> successor_command() {
  return {"/programs/outboard-fuse", "--take-over", "/box/mount/control"};
}

std::vector<std::string> agent_command(const OuterPlan& plan, int inner_fd, int ready_fd) {
  Words words{"/programs/outboard-exec",
              "--socket",
              "/box/run/exec.sock",
              "--log-dir",
              "/box/exec",
              "--session",
              plan.session,
              "--generation",
              plan.generation,
              "--inner-fd",
              std::to_string(inner_fd),
              "--ready-fd",
              std::to_string(ready_fd)};
  if (!plan.author.empty()) add(words, {"--author", plan.author});
  if (!plan.views.empty()) add(words, {"--mount-control", "/box/mount/control"});
  if (plan.cgroup) add(words, {"--cgroup", "/cgroup"});
  return words;
}

std::vector<std::string> inner_command(const OuterPlan& plan) {
  Words words{"/usr/bin/bwrap"};
  add(words, {"--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-net",
              "--unshare-cgroup-try", "--disable-userns", "--uid", kInnerUser, "--gid", kInnerUser,
              "--hostname", "sandbox", "--die-with-parent", "--as-pid-1", "--new-session",
              "--cap-drop", "ALL"});
  add(words, {"--clearenv", "--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin", "--setenv", "HOME",
              "/home/agent", "--setenv", "LANG", "C.UTF-8", "--setenv", "USER", "agent"});
  add_root(words);
  add(words, {"--bind", "/box/workspace", "/workspace"});
  for (std::size_t i = 0; i < plan.views.size(); ++i) {
    const OuterView& view = plan.views[i];
    add(words, {view.writable ? "--bind" : "--ro-bind", view_mountpoint(plan, i), view.path});
  }
  add(words, {"--ro-bind", "/programs/outboard-inner", "/run/init", "--remount-ro", "/", "--chdir",
              "/workspace", "--", "/run/init"});
  return words;
}

}  // namespace outboard::harness
