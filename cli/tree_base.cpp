#include "cli/tree_base.h"

#include <charconv>
#include <vector>

#include "cli/local_files.h"
#include "core/line_escape.h"
#include "core/path.h"

namespace outboard::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kFirstLine = "outboard tree base 1\n";
// A million files of long paths.
constexpr std::uint64_t kBaseBytesMax = 1ULL << 30U;

// "7 0a1b… /notes/a.md"
std::optional<std::pair<std::string, TreeBase::Common>> parse_line(std::string_view line) {
  TreeBase::Common common;
  const char* const end = line.data() + line.size();
  const auto version = std::from_chars(line.data(), end, common.version.value);
  const std::size_t first = line.find(' ');
  if (version.ec != std::errc{} || first == std::string_view::npos) return std::nullopt;
  const std::size_t second = line.find(' ', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const auto digest = parse_sha256(line.substr(first + 1, second - first - 1));
  if (!digest) return std::nullopt;
  common.digest = *digest;
  return std::pair(unescape_line(line.substr(second + 1)), common);
}

}  // namespace

Result<TreeBase> TreeBase::load(const fs::path& state, const fs::path& folder,
                                std::string_view place) {
  std::error_code failed;
  const fs::path real = fs::weakly_canonical(folder, failed);
  const std::string key = (failed ? folder : real).string() + "\n" + std::string(place);
  TreeBase base(state / (to_string(sha256(key)).substr(0, 32) + ".base"));
  auto text = read_file(base.file_, kBaseBytesMax);
  if (!text && text.error().code == Code::not_found) return base;
  if (!text) return text.error();
  const Error broken{Code::corrupt, base.file_.string() +
                                        " is not what a pull or push wrote: remove it, then pull "
                                        "into a new folder and compare"};
  if (!text->starts_with(kFirstLine)) return broken;
  base.met_ = true;
  std::string_view rest = std::string_view(*text).substr(kFirstLine.size());
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    if (end == std::string_view::npos) return broken;
    auto line = parse_line(rest.substr(0, end));
    if (!line) return broken;
    base.common_.insert_or_assign(std::move(line->first), line->second);
    rest = rest.substr(end + 1);
  }
  return base;
}

std::optional<TreeBase::Common> TreeBase::at(const std::string& path) const {
  const auto found = common_.find(path);
  if (found == common_.end()) return std::nullopt;
  return found->second;
}

void TreeBase::set(const std::string& path, const Common& common) {
  common_.insert_or_assign(path, common);
}

void TreeBase::drop(const std::string& path) {
  common_.erase(path);
}

Status TreeBase::save() const {
  std::error_code failed;
  fs::create_directories(file_.parent_path(), failed);
  if (failed) return system_error("make", file_.parent_path(), failed.value());
  std::string text(kFirstLine);
  for (const auto& [path, common] : common_) {
    text +=
        to_string(common.version) + " " + to_string(common.digest) + " " + escape_line(path) + "\n";
  }
  auto file = SecretFile::create(file_);
  if (!file) return file.error();
  return file->keep(text);
}

Result<fs::path> state_folder(
    const std::function<std::optional<std::string>(const char*)>& variable) {
  if (const auto state = variable("XDG_STATE_HOME"); state && !state->empty()) {
    return fs::path(*state) / "outboard" / "trees";
  }
  if (const auto home = variable("HOME"); home && !home->empty()) {
    return fs::path(*home) / ".local" / "state" / "outboard" / "trees";
  }
  return Error{Code::invalid,
               "there is no place to keep what a folder and its volume have in common: set HOME or "
               "XDG_STATE_HOME"};
}

}  // namespace outboard::cli
