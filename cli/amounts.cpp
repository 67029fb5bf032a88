#include "cli/amounts.h"

#include <array>
#include <charconv>
#include <optional>

namespace outboard::cli {
namespace {

Error wrong(std::string_view text, std::string_view rule) {
  return Error{Code::invalid, "\"" + std::string(text) + "\" " + std::string(rule),
               std::string(text)};
}

struct Amount {
  std::uint64_t number = 0;
  std::string_view unit;
};

std::optional<Amount> split_amount(std::string_view text) {
  Amount amount;
  const char* end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, amount.number);
  if (parsed.ec != std::errc{} || amount.number > (1ULL << 40U)) return std::nullopt;
  amount.unit = std::string_view(parsed.ptr, static_cast<std::size_t>(end - parsed.ptr));
  return amount;
}

}  // namespace

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  const auto amount = split_amount(text);
  if (amount) {
    const auto number = std::chrono::seconds(amount->number);
    if (amount->unit == "s") return number;
    if (amount->unit == "m") return number * 60;
    if (amount->unit == "h") return number * 3'600;
    if (amount->unit == "d") return number * 86'400;
  }
  return wrong(text, "is no duration: write a number and s, m, h or d, as in 12h or 30d");
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const auto amount = split_amount(text);
  constexpr std::array<std::pair<std::string_view, unsigned>, 10> kUnits = {{{"", 0},
                                                                             {"B", 0},
                                                                             {"K", 10},
                                                                             {"KiB", 10},
                                                                             {"M", 20},
                                                                             {"MiB", 20},
                                                                             {"G", 30},
                                                                             {"GiB", 30},
                                                                             {"T", 40},
                                                                             {"TiB", 40}}};
  for (const auto& [unit, shift] : kUnits) {
    if (!amount || amount->unit != unit) continue;
    if (amount->number > (~0ULL >> 1U) >> shift) break;  // SQL counts in signed 64 bits
    return amount->number << shift;
  }
  return wrong(text, "is no size: write bytes, or a number and KiB, MiB or GiB, as in 10GiB");
}

Result<GrantText> split_grant(std::string_view text) {
  const std::size_t last = text.rfind(':');
  const std::size_t first = text.find(':');
  const std::string_view mode = last == std::string_view::npos ? "" : text.substr(last + 1);
  GrantText grant;
  grant.manage = mode == "manage";
  grant.write = grant.manage || mode == "rw";
  const bool good_mode = grant.write || mode == "ro";
  const bool path = first != last;
  if (!good_mode || first == 0 || (path && text[first + 1] != '/')) {
    return wrong(text,
                 "is no grant: write ORG/VOLUME:ro to read, :rw to read and write, :manage to "
                 "change its settings too, with a path before the mode for a part of it, as in "
                 "acme/skills:ro or acme/skills:/team:rw");
  }
  grant.volumes = std::string(text.substr(0, first));
  if (path) grant.prefix = std::string(text.substr(first + 1, last - first - 1));
  return grant;
}

Result<GrantByName> parse_grant(std::string_view text) {
  auto grant = split_grant(text);
  if (!grant) return grant.error();
  return GrantByName{grant->volumes, grant->prefix, grant->write, grant->manage};
}

Result<std::pair<std::string, std::string>> parse_user(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == text.size() ||
      text.find('/', slash + 1) != std::string_view::npos) {
    return wrong(text, "is no user: write ORG/USER, as in acme/ada");
  }
  return std::pair{std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

Result<Policy> parse_policy(std::string_view text) {
  for (const Policy policy : {Policy::last_writer, Policy::merge, Policy::refuse}) {
    if (text == name_of(policy)) return policy;
  }
  return wrong(text, "is no policy: write last-writer, merge or refuse");
}

std::string_view name_of(Policy policy) {
  switch (policy) {
    case Policy::last_writer: return "last-writer";
    case Policy::merge: return "merge";
    case Policy::refuse: return "refuse";
  }
  return "last-writer";
}

Result<Strictness> parse_strictness(std::string_view text) {
  for (const auto strictness : {Strictness::off, Strictness::warn, Strictness::refuse}) {
    if (text == name_of(strictness)) return strictness;
  }
  return wrong(text, "is no answer to a broken rule: write off, warn or refuse");
}

std::string_view name_of(Strictness strictness) {
  switch (strictness) {
    case Strictness::off: return "off";
    case Strictness::warn: return "warn";
    case Strictness::refuse: return "refuse";
  }
  return "off";
}

Result<VolumeMode> parse_mode(std::string_view text) {
  for (const auto mode : {VolumeMode::direct, VolumeMode::reviewed}) {
    if (text == name_of(mode)) return mode;
  }
  return wrong(text, "is no mode: write direct or reviewed");
}

std::string_view name_of(VolumeMode mode) {
  return mode == VolumeMode::reviewed ? "reviewed" : "direct";
}

std::string to_text(const GrantByName& grant) {
  std::string text = grant.volume;
  if (grant.prefix != "/") text += ":" + grant.prefix;
  if (grant.manage) return text + ":manage";
  return text + (grant.write ? ":rw" : ":ro");
}

}  // namespace outboard::cli
