#include "harness/loop/bodies.h"

#include "harness/session/limits.h"

namespace outboard::harness {
namespace {

constexpr std::size_t kKnownBytesMax = 32U << 20U;

}  // namespace

void Bodies::remember(const Sha256& digest, const std::string& words) {
  if (words.size() > kKnownBytesMax) return;
  if (known_bytes_ + words.size() > kKnownBytesMax) {
    known_.clear();  // rare and cheap: the next prompt fetches what it needs
    known_bytes_ = 0;
  }
  if (known_.try_emplace(digest, words).second) known_bytes_ += words.size();
}

Result<Body> Bodies::keep(const std::string& words) {
  std::string text = clip(words, words.size() * 3);  // a bad byte becomes three
  if (fits_inline(text)) return Body::of(std::move(text));
  return keep_bytes(text);
}

Result<Body> Bodies::keep_bytes(const std::string& bytes) {
  auto digest = blobs_.put(session_, bytes, clock_.now() + kJournalDeadline);
  if (!digest) return std::move(digest).error();
  remember(*digest, bytes);
  return Body{"", *digest, bytes.size()};
}

Result<std::string> Bodies::find(const Body& body) {
  if (!body.blob) return body.text;
  if (const auto known = known_.find(*body.blob); known != known_.end()) return known->second;
  auto words = blobs_.get(*body.blob, clock_.now() + kJournalDeadline);
  if (words) remember(*body.blob, *words);
  return words;
}

}  // namespace outboard::harness
