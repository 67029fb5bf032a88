// What is said on the socket of a sandbox's outer layer: one question, one answer, a connection.
//
// replace_daemon() ~socket~ MountDaemon of outboard-outer. A message is a word (SOCK_SEQPACKET);
// with the question comes the new program, open. [D43]
#pragma once

#include <cstddef>
#include <string_view>

namespace outboard::harness {

inline constexpr std::string_view kReplaceQuestion = "replace the mount daemon";
inline constexpr std::string_view kReplaced = "replaced";
inline constexpr std::string_view kNoDaemon = "no mount daemon";  // the sandbox has no views
// Every other answer is a sentence for people: the daemon is the one that it was.
inline constexpr std::size_t kReplaceWordBytesMax = 512;

}  // namespace outboard::harness
