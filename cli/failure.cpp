#include "cli/failure.h"

#include <ostream>

namespace outboard::cli {
namespace {

std::string hint_for(Code code, const Peer& peer) {
  switch (code) {
    case Code::unauthenticated:
      return "set OUTBOARD_TOKEN, or give --token-file; an administrator's `outboard token mint` "
             "makes a token";
    case Code::no_access:
      return "`outboard token list` shows what a token may; an administrator mints a wider one";
    case Code::unavailable:
    case Code::timed_out:
      return "no good answer from " + peer.address + ": check that the " + peer.what +
             " runs and that " + peer.option + " (or " + peer.variable + ") names it";
    case Code::history_gone: return "what is older was pruned by the volume's retention";
    case Code::fenced: return "the token's session has a newer owner: mint a new token";
    case Code::not_found:
    case Code::exists:
    case Code::not_directory:
    case Code::is_directory:
    case Code::not_empty:
    case Code::name_too_long:
    case Code::invalid:
    case Code::read_only:
    case Code::too_big:
    case Code::no_space:
    case Code::conflict:
    case Code::cross_volume:
    case Code::unsupported:
    case Code::corrupt: return {};
  }
  return {};
}

}  // namespace

int exit_code_of(Code code) {
  return code == Code::unavailable || code == Code::timed_out ? kExitUnreachable : kExitRefused;
}

void print_error(Screen& screen, const Error& error, const Peer& peer) {
  std::string message = printable(error.message);
  if (message.empty()) message = std::string(name_of(error.code));
  screen.err() << screen.paint_error(Colour::red, "error:") << " " << message << "\n";
  if (const std::string hint = hint_for(error.code, peer); !hint.empty()) {
    screen.err() << screen.paint_error(Colour::dim, "hint:  " + printable(hint)) << "\n";
  }
}

}  // namespace outboard::cli
