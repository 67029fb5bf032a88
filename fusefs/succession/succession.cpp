#include "fusefs/succession/succession.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "core/limits.h"
#include "core/log.h"
#include "fusefs/handover/packed.h"

namespace outboard::fusefs {
namespace {

Moment within(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

Status check_formats(const std::vector<std::uint32_t>& formats) {
  if (std::ranges::find(formats, kHandoverFormat) != formats.end()) return success();
  std::string known;
  for (const std::uint32_t format : formats) known += " " + std::to_string(format);
  return Error{Code::unsupported,
               "this daemon (outboard-fuse " OUTBOARD_VERSION ") hands over in format " +
                   std::to_string(kHandoverFormat) + "; the new one reads only:" + known +
                   "; take a release in between, or unmount and start anew"};
}

// A daemon that refuses may have closed before it was asked: its words are there all the same.
Result<Said> ask(const Parley& parley, Word question, std::string_view text, Word answer,
                 std::chrono::milliseconds patience) {
  (void)parley.say(question, text, {}, within(kHandoverPause));
  return parley.hear(answer, within(patience));
}

}  // namespace

Status check_peer(const Parley& parley) {
  const Peer peer = parley.peer();
  if (peer.user == ::geteuid() || peer.user == 0) return success();
  return Error{Code::no_access, "only this daemon's user, " + std::to_string(::geteuid()) +
                                    ", and root may take its mounts over, not user " +
                                    std::to_string(peer.user)};
}

Status offer_terms(const Parley& parley, std::string_view terms, int mounter_socket) {
  Status good = check_peer(parley);
  if (good) {
    auto offer = parley.hear(Word::offer, within(kHandoverPause));
    if (!offer) return std::move(offer).error();
    std::vector<std::uint32_t> formats;
    std::string program;
    Unpacker unpack(offer->text);
    unpack(formats, program);
    good = unpack.good() ? check_formats(formats)
                         : Error{Code::invalid, "an offer that this daemon cannot read"};
    log(Severity::info, "another daemon wants to take over", {{"program", program}});
  }
  if (!good) return good;
  if (auto said = parley.say(Word::terms, terms, {mounter_socket}, within(kHandoverPause)); !said) {
    return said;
  }
  auto begun = parley.hear(Word::begin, within(kHandoverTalk));
  if (!begun) return std::move(begun).error();
  return success();
}

void refuse(const Parley& parley, const Error& error) {
  // Whether it is heard changes nothing.
  (void)parley.say(Word::refusal, pack_refusal(error), {}, within(kControlGreetingWait));
}

Status give_tables(const Parley& parley, std::string_view tables,
                   const std::vector<int>& descriptors, Moment until) {
  if (auto said = parley.say(Word::tables, tables, descriptors, until); !said) return said;
  if (parley.await_taken(until)) return success();
  return Error{Code::timed_out, "the new daemon did not take over in time"};
}

Result<Said> ask_terms(const Parley& parley, std::string_view program) {
  Packer pack;
  pack(std::vector<std::uint32_t>{kHandoverFormat}, std::string(program));
  auto terms = ask(parley, Word::offer, std::move(pack).take(), Word::terms, kHandoverPause);
  if (terms && terms->descriptors.size() != 1) {
    return Error{Code::corrupt, "the running daemon gave no socket of its mounter"};
  }
  return terms;
}

Result<Said> ask_tables(const Parley& parley) {
  // Longer than the daemon stands still: its word decides, while there is one.
  return ask(parley, Word::begin, {}, Word::tables, 2 * kHandoverPause);
}

Status say_taken(const Parley& parley) {
  return parley.say(Word::taken, {}, {}, within(kHandoverPause));
}

}  // namespace outboard::fusefs
