#include "core/admin.h"

namespace outboard {

Strictness default_skill_lint(std::string_view volume) {
  const std::string_view last = volume.substr(volume.rfind('/') + 1);
  return last == "skills" ? Strictness::refuse : Strictness::off;
}

VolumeSettings settings_of(const Volume& volume) {
  VolumeSettings settings;
  settings.policy = volume.policy;
  settings.strict = volume.strict;
  settings.quota_bytes = volume.quota_bytes;
  settings.quota_nodes = volume.quota_nodes;
  settings.quota_versions = volume.quota_versions;
  settings.retention = volume.retention;
  settings.skill_lint = volume.skill_lint;
  settings.secret_scan = volume.secret_scan;
  settings.ignored = volume.ignored;
  settings.mode = volume.mode;
  settings.second_reviewer = volume.second_reviewer;
  return settings;
}

void take_settings(Volume& volume, const VolumeSettings& settings) {
  volume.policy = settings.policy;
  volume.strict = settings.strict;
  volume.quota_bytes = settings.quota_bytes;
  volume.quota_nodes = settings.quota_nodes;
  volume.quota_versions = settings.quota_versions;
  volume.retention = settings.retention;
  volume.skill_lint = settings.skill_lint.value_or(default_skill_lint(volume.name));
  volume.secret_scan = settings.secret_scan;
  volume.ignored = settings.ignored;
  volume.mode = settings.mode;
  volume.second_reviewer = settings.second_reviewer;
}

}  // namespace outboard
