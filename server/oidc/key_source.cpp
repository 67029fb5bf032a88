#include "server/oidc/key_source.h"

#include <curl/curl.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <sstream>

#include "server/access_limits.h"

namespace outboard::server::oidc {
namespace {

struct Freed {
  void operator()(CURL* curl) const { curl_easy_cleanup(curl); }
};

Error unreadable(Code code, const std::string& location, const std::string& why) {
  return Error{code, "the issuer's keys at " + location + " cannot be read: " + why, location};
}

std::size_t take(char* bytes, std::size_t size, std::size_t count, void* into) {
  auto& text = *static_cast<std::string*>(into);
  if (text.size() + size * count > kKeySetBytesMax) return 0;  // ends the transfer
  text.append(bytes, size * count);
  return size * count;
}

bool is_loopback(const std::string& url) {
  return url.starts_with("http://127.0.0.1") || url.starts_with("http://localhost") ||
         url.starts_with("http://[::1]");
}

Result<std::string> from_url(const std::string& url, Moment deadline) {
  if (!url.starts_with("https://") && !is_loopback(url)) {
    return unreadable(Code::invalid, url,
                      "whoever stands between could give other keys; use https://");
  }
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::min<Moment::duration>(deadline - std::chrono::steady_clock::now(), kKeySetDeadline));
  if (left.count() <= 0) return unreadable(Code::timed_out, url, "there was no time left");
  const std::unique_ptr<CURL, Freed> curl(curl_easy_init());
  if (!curl) return unreadable(Code::unavailable, url, "libcurl did not start");
  std::string text;
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT_MS, static_cast<long>(left.count()));
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &text);
  const CURLcode done = curl_easy_perform(curl.get());
  if (done == CURLE_WRITE_ERROR) {
    return unreadable(Code::too_big, url,
                      "over " + std::to_string(kKeySetBytesMax) + " bytes, no key set is so long");
  }
  if (done != CURLE_OK) return unreadable(Code::unavailable, url, curl_easy_strerror(done));
  long answer = 0;
  curl_easy_getinfo(curl.get(), CURLINFO_RESPONSE_CODE, &answer);
  if (answer == 200) return text;
  return unreadable(Code::unavailable, url, "HTTP status " + std::to_string(answer));
}

Result<std::string> from_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kKeySetBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (!file.eof()) {
    if (file.good()) return unreadable(Code::too_big, path, "no key set is so long");
    return unreadable(Code::unavailable, path, "is the file there, and may this user read it?");
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return text;
}

}  // namespace

Result<std::string> read_keys(const std::string& location, Moment deadline) {
  if (location.find("://") != std::string::npos) return from_url(location, deadline);
  return from_file(location);
}

}  // namespace outboard::server::oidc
