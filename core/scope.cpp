#include "core/scope.h"

#include <algorithm>

#include "core/path.h"

namespace outboard {
namespace {

bool holds(const std::vector<std::string>& prefixes, std::string_view path) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const std::string& prefix) { return is_within(path, prefix); });
}

// Keeps the list free of prefixes within others, and in order.
void put(std::vector<std::string>& prefixes, const std::string& prefix) {
  if (holds(prefixes, prefix)) return;
  std::erase_if(prefixes, [&](const std::string& other) { return is_within(other, prefix); });
  prefixes.insert(std::upper_bound(prefixes.begin(), prefixes.end(), prefix), prefix);
}

// Glob with `*` only, over the whole of both.
bool glob(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t mark = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      mark = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++mark;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

Scope Scope::whole(bool write) {
  Scope scope;
  scope.add(Grant{VolumeId{}, "/", write});
  return scope;
}

Scope Scope::of(const std::vector<Grant>& grants, VolumeId volume) {
  Scope scope;
  for (const Grant& grant : grants) {
    if (grant.volume && grant.volume != volume) continue;
    if (grant.pattern.empty()) scope.add(grant);
  }
  return scope;
}

Scope Scope::of(const Caller& caller, VolumeId volume) {
  if (caller.token == 0 && caller.grants.empty()) return whole(true);
  return of(caller.grants, volume);
}

void Scope::add(const Grant& grant) {
  put(reads_, grant.prefix);
  if (grant.write) put(writes_, grant.prefix);
}

Right Scope::at(std::string_view path) const {
  if (holds(writes_, path)) return Right::write;
  if (holds(reads_, path)) return Right::read;
  const bool leads = std::any_of(reads_.begin(), reads_.end(), [&](const std::string& prefix) {
    return is_within(prefix, path);
  });
  return leads ? Right::walk : Right::none;
}

std::vector<std::string> Scope::ways(std::string_view path) const {
  std::vector<std::string> names;
  const std::size_t start = path == "/" ? 1 : path.size() + 1;
  for (const std::string& prefix : reads_) {
    if (!is_within(prefix, path) || prefix.size() <= start) continue;
    std::string name = prefix.substr(start, prefix.find('/', start) - start);
    if (names.empty() || names.back() != name) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

bool pattern_covers(std::string_view pattern, std::string_view name, std::string_view principal) {
  if (!pattern.starts_with("~@/")) return glob(pattern, name);
  pattern.remove_prefix(3);
  if (!name.starts_with('~')) return false;
  name.remove_prefix(1);
  if (!name.starts_with(principal)) return false;
  name.remove_prefix(principal.size());
  return name.starts_with('/') && glob(pattern, name.substr(1));
}

bool is_volume_name(std::string_view volumes) {
  return volumes.find('*') == std::string_view::npos && !volumes.starts_with("~@");
}

std::vector<Grant> grants_in(const Caller& caller, const Volume& volume) {
  std::vector<Grant> found;
  if (caller.organisation != 0 && caller.organisation != volume.organisation) return found;
  const std::size_t slash = volume.name.find('/');
  const std::string_view name =
      slash == std::string::npos ? volume.name : std::string_view(volume.name).substr(slash + 1);
  for (Grant grant : caller.grants) {
    if (grant.volume && grant.volume != volume.id) continue;
    if (!grant.pattern.empty() && !pattern_covers(grant.pattern, name, caller.principal)) continue;
    grant.volume = volume.id;
    grant.pattern.clear();
    found.push_back(std::move(grant));
  }
  return found;
}

}  // namespace outboard
