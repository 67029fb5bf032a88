// The refusals that reads share, in one wording.
#pragma once

#include <string>

#include "core/ids.h"
#include "core/result.h"

namespace outboard::server {

inline Error no_volume(VolumeId volume) {
  return Error{Code::not_found, "there is no volume " + to_string(volume), to_string(volume)};
}

inline Error no_node(Inode inode) {
  return Error{Code::not_found, "there is no node " + to_string(inode), to_string(inode)};
}

inline Error no_name(const std::string& path) {
  return Error{Code::not_found, "there is nothing at " + path, path};
}

inline Error no_version(Inode inode, Version version) {
  return Error{Code::not_found,
               "node " + to_string(inode) + " has no version " + to_string(version) +
                   ", or its history was pruned",
               to_string(inode)};
}

inline Error no_file(Inode inode) {
  return Error{Code::is_directory, "node " + to_string(inode) + " is no file: it has no content",
               to_string(inode)};
}

}  // namespace outboard::server
