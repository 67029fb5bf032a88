// org, user, volume: make and list what an organisation consists of.
//
// Each prints what it did, or a listing (JSON with --json), and says why not as an Error.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/context.h"

namespace outboard::cli {

Status create_organisation(Context& context, const std::string& name);
Status list_organisations(Context& context);

// `user` is "acme/ada".
Status create_user(Context& context, const std::string& user);
Status list_users(Context& context, const std::string& organisation);

// What was given on the command line; unset stays as it is (or the default, for a new volume).
struct VolumeOptions {
  std::string name;  // "acme/skills"
  std::optional<std::string> policy;
  std::optional<std::string> quota_bytes;
  std::optional<std::uint64_t> quota_nodes;
  std::optional<std::uint64_t> quota_versions;
  std::optional<bool> strict;
  std::optional<std::string> skill_lint;
  std::optional<std::string> secret_scan;
  std::optional<std::vector<std::string>> ignored;
  std::optional<std::string> mode;
  std::optional<bool> second_reviewer;
  std::optional<std::uint64_t> keep_versions;
  std::optional<std::string> keep_for;    // "90d"; "0": for ever
  std::optional<std::string> keep_bytes;  // "5GiB"; "0": no limit
};
Status create_volume(Context& context, const VolumeOptions& options);
Status change_volume(Context& context, const VolumeOptions& options);
Status list_volumes(Context& context, const std::string& organisation);

}  // namespace outboard::cli
