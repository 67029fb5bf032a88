#include "fusefs/confinement/privileges.h"

#include <grp.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string>

#include "core/check.h"

namespace outboard::fusefs {
namespace {

constexpr int kHalf = 32;  // capabilities travel as two words

Error refused(const std::string& what) {
  char text[128] = {};
  return Error{Code::no_access, what + ": " + strerror_r(errno, text, sizeof text)};
}

bool set_capabilities(Capabilities wanted) {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> words{};
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i].permitted = static_cast<std::uint32_t>(wanted >> (i * kHalf));
    words[i].effective = words[i].permitted;
  }
  return ::syscall(SYS_capset, &header, words.data()) == 0;
}

// Only who may shape capabilities can shrink the set that bounds them; without new privileges it
// bounds nothing.
void shrink_bounding_set() {
  for (unsigned long capability = 0; ::prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0;
       ++capability) {
    if (::prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0) return;
  }
}

Status become(const Identity& identity) {
  const std::string name = std::to_string(identity.user) + ":" + std::to_string(identity.group);
  if (::setgroups(0, nullptr) != 0 ||
      ::setresgid(identity.group, identity.group, identity.group) != 0 ||
      ::setresuid(identity.user, identity.user, identity.user) != 0) {
    return refused("cannot become user " + name + ", which only root can");
  }
  return success();
}

// A thread sanitizer has one of its own.
#if defined(__SANITIZE_THREAD__)
constexpr std::size_t kThreadsMax = 2;
#else
constexpr std::size_t kThreadsMax = 1;
#endif

std::size_t threads() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& one : std::filesystem::directory_iterator("/proc/self/task")) {
    ++count;
  }
  return count;
}

}  // namespace

Result<Identity> parse_identity(std::string_view text) {
  const std::size_t colon = text.find(':');
  const std::string_view first = text.substr(0, colon);
  const std::string_view second = colon == std::string_view::npos ? first : text.substr(colon + 1);
  const auto number = [](std::string_view digits, std::uint32_t& into) {
    const char* end = digits.data() + digits.size();
    const auto [stop, failed] = std::from_chars(digits.data(), end, into);
    return !digits.empty() && failed == std::errc() && stop == end && into != 0 && into != ~0U;
  };
  Identity identity;
  if (number(first, identity.user) && number(second, identity.group)) return identity;
  return Error{Code::invalid,
               "\"" + std::string(text) +
                   "\" is no user: write numbers other than 0, as in 1000 "
                   "or 1000:100",
               std::string(text)};
}

Capabilities permitted_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> words{};
  if (::syscall(SYS_capget, &header, words.data()) != 0) return 0;
  return Capabilities{words[0].permitted} | Capabilities{words[1].permitted} << kHalf;
}

Status drop_privileges(const std::optional<Identity>& identity, Capabilities keep) {
  CHECK(threads() <= kThreadsMax);
  const Capabilities kept = permitted_capabilities() & keep;
  shrink_bounding_set();
  ::prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (kept != 0) ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
  if (identity) {
    if (auto became = become(*identity); !became) return became;
  }
  if (!set_capabilities(kept)) return refused("cannot give up capabilities");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return refused("cannot forbid new privileges");
  }
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return refused("cannot hide this process's memory");
  return success();
}

}  // namespace outboard::fusefs
