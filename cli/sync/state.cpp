#include "cli/sync/state.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "core/line_escape.h"
#include "core/path.h"

namespace outboard::sync {
namespace {

constexpr const char* kName = "state";
constexpr const char* kDraft = "state.new";
constexpr std::size_t kReadStep = 1U << 18U;
constexpr std::string_view kFirst = "outboard sync state 1 ";
// Lines behind a short list before it is written anew.
constexpr std::size_t kLinesBehindMin = 1'024;

char letter_of(Kind kind) {
  if (kind == Kind::directory) return 'd';
  return kind == Kind::symlink ? 'l' : 'f';
}

std::string checked(const std::string& body) {
  return std::to_string(xxh3(body)) + " " + body + "\n";
}

std::string line_of(const std::string& path, const Record* record) {
  if (record == nullptr) return checked("- " + escape_line(path));
  std::string body(1, letter_of(record->kind));
  for (const std::uint64_t number :
       {record->inode.value, record->version.value, std::uint64_t{record->executable},
        std::uint64_t{record->settled}, record->stamp.inode, record->stamp.size}) {
    body += " " + std::to_string(number);
  }
  body += " " + std::to_string(record->stamp.modified) + " " +
          std::to_string(record->stamp.changed) + " " + to_string(record->digest) + " " +
          escape_line(path);
  return checked(body);
}

// The next word of `line`, which loses it; empty at its end.
std::string_view word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view first = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return first;
}

template <class Number>
bool number(std::string_view& line, Number& to) {
  const std::string_view text = word(line);
  return std::from_chars(text.data(), text.data() + text.size(), to).ec == std::errc{};
}

struct Line {
  std::string path;
  std::optional<Record> record;  // none: it was dropped
};

std::optional<Line> parse(std::string_view line) {
  std::uint64_t sum = 0;
  if (!number(line, sum) || sum != xxh3(line)) return std::nullopt;
  const std::string_view kind = word(line);
  if (kind == "-") return Line{unescape_line(line), std::nullopt};
  Record record;
  if (kind == "d") record.kind = Kind::directory;
  if (kind == "l") record.kind = Kind::symlink;
  unsigned executable = 0;
  unsigned settled = 0;
  const bool good = number(line, record.inode.value) && number(line, record.version.value) &&
                    number(line, executable) && number(line, settled) &&
                    number(line, record.stamp.inode) && number(line, record.stamp.size) &&
                    number(line, record.stamp.modified) && number(line, record.stamp.changed);
  const auto digest = parse_sha256(word(line));
  if (!good || !digest) return std::nullopt;
  record.executable = executable != 0;
  record.settled = settled != 0;
  record.digest = *digest;
  return Line{unescape_line(line), record};
}

Error broken(std::string_view doing, const std::filesystem::path& shown) {
  return Error{Code::invalid,
               "cannot " + std::string(doing) + " the state in " + shown.string() + ": " +
                   std::strerror(errno),
               shown.string()};
}

Result<std::string> read_all(int fd, const std::filesystem::path& shown) {
  std::string text;
  for (;;) {
    const std::size_t before = text.size();
    text.resize(before + kReadStep);
    const ssize_t got = ::read(fd, text.data() + before, kReadStep);
    text.resize(before + static_cast<std::size_t>(got < 0 ? 0 : got));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return broken("read", shown);
    if (got == 0) return text;
  }
}

// The next line of `rest`, which loses it; empty when there is none that has its end.
std::string_view whole_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  if (end == std::string_view::npos) return {};
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

Status write_all(int fd, std::string_view bytes, const std::filesystem::path& shown) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return broken("write", shown);
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return success();
}

}  // namespace

Result<State> State::load(int directory, const std::filesystem::path& shown,
                          std::string_view place) {
  State state(directory, shown, std::string(place));
  const Fd fd(::openat(directory, kName, O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd.good() && errno == ENOENT) return state;
  auto text = fd.good() ? read_all(fd.get(), shown) : Result<std::string>(broken("read", shown));
  if (!text) return text.error();
  std::string_view rest = *text;
  std::string_view line = whole_line(rest);
  if (line.empty()) return state;
  if (line != std::string(kFirst) + escape_line(place)) {
    const std::string folder = shown.parent_path().string();
    const std::string other = line.starts_with(kFirst)
                                  ? "in step with " + std::string(line.substr(kFirst.size()))
                                  : "of another kind";
    return Error{Code::conflict,
                 folder + " is " + other + ", not with " + std::string(place) +
                     ": choose another folder, or remove " + shown.string() +
                     " to compare the two anew",
                 folder};
  }
  while (!(line = whole_line(rest)).empty()) {
    auto parsed = parse(line);
    if (!parsed) break;
    if (parsed->record) {
      state.records_.insert_or_assign(std::move(parsed->path), *parsed->record);
    } else {
      state.records_.erase(parsed->path);
    }
  }
  return state;
}

const Record* State::at(std::string_view path) const {
  const auto found = records_.find(path);
  return found == records_.end() ? nullptr : &found->second;
}

void State::set(const std::string& path, const Record& record) {
  const auto [at, fresh] = records_.try_emplace(path, record);
  if (!fresh && at->second == record) return;
  at->second = record;
  unsaved_ += line_of(path, &record);
  ++unsaved_lines_;
}

void State::drop(const std::string& path) {
  if (records_.erase(path) == 0) return;
  unsaved_ += line_of(path, nullptr);
  ++unsaved_lines_;
}

void State::each_within(std::string_view path,
                        const std::function<void(const std::string&, const Record&)>& visit) const {
  if (const Record* own = at(path); own != nullptr) visit(std::string(path), *own);
  const std::string below = path == "/" ? "/" : std::string(path) + "/";
  for (auto at = records_.upper_bound(below); at != records_.end(); ++at) {
    if (!at->first.starts_with(below)) break;
    visit(at->first, at->second);
  }
}

Status State::save() {
  if (!end_.good() || lines_behind_ + unsaved_lines_ > records_.size() + kLinesBehindMin) {
    return write_whole();
  }
  if (unsaved_.empty()) return success();
  if (auto written = write_all(end_.get(), unsaved_, shown_); !written) return written;
  lines_behind_ += unsaved_lines_;
  unsaved_.clear();
  unsaved_lines_ = 0;
  return success();
}

Status State::write_whole() {
  Fd fd(::openat(directory_, kDraft,
                 O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd.good()) return broken("write", shown_);
  std::string text = std::string(kFirst) + escape_line(place_) + "\n";
  for (const auto& [path, record] : records_) text += line_of(path, &record);
  if (auto written = write_all(fd.get(), text, shown_); !written) return written;
  if (::fsync(fd.get()) != 0 || ::renameat(directory_, kDraft, directory_, kName) != 0) {
    return broken("write", shown_);
  }
  end_ = std::move(fd);
  lines_behind_ = 0;
  unsaved_.clear();
  unsaved_lines_ = 0;
  return success();
}

}  // namespace outboard::sync
