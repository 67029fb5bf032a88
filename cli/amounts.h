// What people type for amounts: "30d", "10GiB", "acme/skills:ro"; read strictly.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "core/admin.h"

namespace outboard::cli {

// "90s", "15m", "12h", "30d"; a number and one unit.
Result<std::chrono::seconds> parse_duration(std::string_view text);
// "4096", "10KiB", "64MiB", "10GiB"; K, M, G mean the same; 0 is none.
Result<std::uint64_t> parse_size(std::string_view text);
// What may be done where: "VOLUMES[:/PATH]:ro", ":rw" or ":manage".
struct GrantText {
  std::string volumes;
  std::string prefix = "/";
  bool write = false;
  bool manage = false;
};
Result<GrantText> split_grant(std::string_view text);
// "acme/skills:ro", "acme/*:rw", "acme/skills:/team:rw". Without a mode it is refused: reading and
// writing differ too much.
Result<GrantByName> parse_grant(std::string_view text);
// "acme/ada" → ("acme", "ada").
Result<std::pair<std::string, std::string>> parse_user(std::string_view text);
// "last-writer", "merge", "refuse".
Result<Policy> parse_policy(std::string_view text);
std::string_view name_of(Policy policy);
// "off", "warn", "refuse".
Result<Strictness> parse_strictness(std::string_view text);
std::string_view name_of(Strictness strictness);
// "direct", "reviewed".
Result<VolumeMode> parse_mode(std::string_view text);
std::string_view name_of(VolumeMode mode);

// "acme/skills:ro"
std::string to_text(const GrantByName& grant);

}  // namespace outboard::cli
