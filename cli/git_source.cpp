#include "cli/git_source.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <vector>

extern char** environ;

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

// Of what git complains about, the last lines.
constexpr std::size_t kComplaintBytesMax = 2'048;

bool is_url(std::string_view typed) {
  return typed.find("://") != std::string_view::npos;
}

// Where the repository's path begins: behind "https://host" or "git@host:".
std::size_t path_start(std::string_view typed) {
  const std::size_t scheme = typed.find("://");
  if (scheme != std::string_view::npos) return std::min(typed.find('/', scheme + 3), typed.size());
  const std::size_t colon = typed.find(':');
  const bool remote = colon != std::string_view::npos && typed.find('/') > colon;
  return remote ? colon + 1 : 0;
}

std::vector<std::string> environment() {
  std::vector<std::string> all;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view one = *at;
    // A hook's or an alias' own repository is not meant.
    if (one.starts_with("GIT_DIR=") || one.starts_with("GIT_WORK_TREE=")) continue;
    if (one.starts_with("GIT_INDEX_FILE=")) continue;
    all.emplace_back(one);
  }
  all.emplace_back("GIT_ALLOW_PROTOCOL=file:git:http:https:ssh");
  all.emplace_back("GIT_TERMINAL_PROMPT=0");
  all.emplace_back("GIT_OPTIONAL_LOCKS=0");
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> all;
  for (std::string& word : words) all.push_back(word.data());
  all.push_back(nullptr);
  return all;
}

std::string read_complaint(int fd) {
  std::string text;
  std::array<char, 4096> part{};
  for (;;) {
    const ssize_t got = ::read(fd, part.data(), part.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(part.data(), static_cast<std::size_t>(got));
    if (text.size() > kComplaintBytesMax) text.erase(0, text.size() - kComplaintBytesMax);
  }
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

// Runs git; its standard output goes to `out` (-1: nowhere).
Status run_git(std::vector<std::string> words, int out) {
  words.insert(words.begin(), "git");
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return system_error("run", "git", errno);
  const Descriptor from(pipe[0]);
  Descriptor to(pipe[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (out >= 0) posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  if (out < 0) posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, to.get(), STDERR_FILENO);
  std::vector<std::string> variables = environment();
  pid_t child = -1;
  const int failed = ::posix_spawnp(&child, "git", &actions, nullptr, pointers(words).data(),
                                    pointers(variables).data());
  posix_spawn_file_actions_destroy(&actions);
  if (failed == ENOENT) {
    return Error{Code::not_found, "the program git is not installed: install it, or push a folder"};
  }
  if (failed != 0) return system_error("run", "git", failed);
  to = Descriptor();
  const std::string complaint = read_complaint(from.get());
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return success();
  return Error{Code::invalid, "git could not do it: " + complaint};
}

// An option in a repository's, folder's or ref's clothes.
Status check_words(const GitPlace& place) {
  for (const std::string& word : {place.repository, place.ref, place.folder}) {
    if (!word.starts_with('-')) continue;
    return Error{Code::invalid, "\"" + word +
                                    "\" begins with \"-\", as no repository, folder or "
                                    "ref does"};
  }
  return success();
}

}  // namespace

std::optional<GitPlace> parse_git_place(std::string_view typed) {
  const std::size_t start = path_start(typed);
  GitPlace place;
  const std::size_t folder = typed.find("//", start);
  const std::size_t last = folder == std::string_view::npos ? start : folder;
  const std::size_t at = typed.rfind('@');
  const bool has_ref = at != std::string_view::npos && at > last && at + 1 < typed.size();
  const std::string_view rest = has_ref ? typed.substr(0, at) : typed;
  if (has_ref) place.ref = std::string(typed.substr(at + 1));
  if (folder != std::string_view::npos && folder < rest.size()) {
    place.repository = std::string(rest.substr(0, folder));
    place.folder = std::string(rest.substr(folder + 2));
  } else {
    place.repository = std::string(rest);
  }
  while (!place.folder.empty() && place.folder.back() == '/') place.folder.pop_back();
  const bool plain = !has_ref && folder == std::string_view::npos && start == 0;
  if (plain) return std::nullopt;
  return place;
}

Result<fs::path> archive_git(const GitPlace& place, Spool& spool) {
  if (auto good = check_words(place); !good) return good.error();
  std::error_code ignored;
  const bool here = !is_url(place.repository) && fs::is_directory(place.repository, ignored);
  std::string repository = place.repository;
  std::string ref = place.ref.empty() ? "HEAD" : place.ref;
  if (!here) {
    repository = (spool.folder() / "repository").string();
    if (auto made = run_git({"init", "--quiet", "--bare", repository}, -1); !made) {
      return made.error();
    }
    auto fetched = run_git({"-C", repository, "fetch", "--quiet", "--depth=1", "--no-tags", "--",
                            place.repository, ref},
                           -1);
    if (!fetched) return fetched.error();
    ref = "FETCH_HEAD";
  }
  auto file = spool.next();
  if (!file) return file.error();
  const std::string tree = place.folder.empty() ? ref : ref + ":" + place.folder;
  auto archived = run_git({"-C", repository, "archive", "--format=tar", tree}, file->fd.get());
  if (!archived) return archived.error();
  return std::move(file->path);
}

}  // namespace outboard::cli
