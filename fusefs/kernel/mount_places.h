// MountPlaces: where the mounter may put views that its command line does not name. [S62, D37]
//
// Mounter's process → here → OwnMount. What asks is a daemon that may have been taken over: what it
// says is only ever looked up beneath a directory that is held open, and through no symbolic link.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace outboard::fusefs {

// Opens the directory in which a place is a name, with O_PATH; the caller's. Negative: it is not
// there any more, or a symbolic link leads to it.
using OpenParent = std::function<int()>;

class MountPlaces {
 public:
  // Opens the directories; one that is not there allows nothing.
  explicit MountPlaces(const std::vector<std::string>& directories);
  ~MountPlaces();
  MountPlaces(const MountPlaces&) = delete;
  MountPlaces& operator=(const MountPlaces&) = delete;

  // Of a place beneath one of the directories. Nothing: it is beneath none.
  std::optional<OpenParent> parent_of(const std::string& path) const;

 private:
  struct Allowed {
    std::string path;
    int directory = -1;
  };
  std::vector<Allowed> allowed_;
};

// Absolute, not the root, without empty, "." and ".." components.
bool is_plain_path(std::string_view path);
// What may stand in the options of mount(2): other bytes would be further options.
bool is_plain_volume(std::string_view name);

}  // namespace outboard::fusefs
