// TreeBase: what a folder and a place in a volume had in common when they last met.
//
// Kept beside neither: in $XDG_STATE_HOME/outboard/trees (else ~/.local/state/…), one file for each
// pair. With it a push tells what somebody else changed since from what was changed here, and a
// pull what would be lost here. A line a file: version, digest, path.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "core/digest.h"
#include "core/entry.h"
#include "core/result.h"

namespace outboard::cli {

class TreeBase {
 public:
  // What was common of one file or symlink.
  struct Common {
    Version version;  // 0 of a symlink
    Sha256 digest;    // of its content; of a symlink, of its target
    friend bool operator==(const Common&, const Common&) = default;
  };

  // The one of `folder` and `place` (place.h's name_of); empty when they have not met.
  // corrupt: the file is not what save() wrote.
  static Result<TreeBase> load(const std::filesystem::path& state,
                               const std::filesystem::path& folder, std::string_view place);

  bool met() const { return met_; }
  std::optional<Common> at(const std::string& path) const;
  void set(const std::string& path, const Common& common);
  void drop(const std::string& path);
  // Whole or not at all; makes the directories on the way.
  Status save() const;

 private:
  explicit TreeBase(std::filesystem::path file) : file_(std::move(file)) {}
  std::filesystem::path file_;
  bool met_ = false;
  std::map<std::string, Common> common_;
};

// Where bases are kept, from the environment.
Result<std::filesystem::path> state_folder(
    const std::function<std::optional<std::string>(const char*)>& variable);

}  // namespace outboard::cli
