// The limits of who may ask how much and who may sign in, with their reasons; beside core/limits.h
// as what only a server has to keep.
#pragma once

#include <chrono>
#include <cstddef>

namespace outboard::server {

using namespace std::chrono_literals;

// ── Rates ────────────────────────────────────────────────────────────────────────────────────────
// What a quiet principal may ask at once, in time at its rate: a `git status` comes in a burst.
inline constexpr std::chrono::seconds kRateBurst = 2s;
// Principals remembered while they are busy, 100 bytes each.
inline constexpr std::size_t kRatePrincipalsMax = 100'000;

// ── Tokens ───────────────────────────────────────────────────────────────────────────────────────
// All headers of a call, the token among them. Ours have 46 bytes; what is pasted in its place
// should reach the check that says so: beyond this gRPC ends the call, or the connection, in words
// of its own.
inline constexpr int kHeadersBytesMax = 16'384;

// ── Parts ────────────────────────────────────────────────────────────────────────────────────────
// Parts of volumes of which a server remembers which client has loaded them, 200 bytes each: the
// views of 10,000 sandboxes, many times over.
inline constexpr std::size_t kLoadedPartsMax = 200'000;

// ── Signing in ───────────────────────────────────────────────────────────────────────────────────
// ID tokens carry a dozen claims; issuers that list all groups of a person stay below this.
inline constexpr std::size_t kIdTokenBytesMax = 16'384;
// A set of an issuer's public keys: some have twenty, none a thousand.
inline constexpr std::size_t kKeySetBytesMax = 1U << 20U;
// How far the clocks of an issuer and of this server may be apart.
inline constexpr std::chrono::seconds kClockSkew = 60s;
// Keys are read again after this long, and when a token names a key that is not known, but then not
// more often than every kKeySetPause: a stranger's token must not make us ask the issuer each time.
inline constexpr std::chrono::seconds kKeySetLife = 10min;
inline constexpr std::chrono::seconds kKeySetPause = 10s;
inline constexpr std::chrono::seconds kKeySetDeadline = 5s;
// A token that was signed in for lasts a working morning; then its holder shows who it is again.
inline constexpr std::chrono::seconds kSignInLifeDefault = 1h;

}  // namespace outboard::server
