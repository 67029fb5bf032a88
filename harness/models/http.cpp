#include "harness/models/http.h"

#include <curl/curl.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "core/check.h"

namespace outboard::harness {
namespace {

constexpr long kConnectTimeoutMs = 10'000;
// Of one wait for the socket; a stop or the deadline ends it earlier.
constexpr std::chrono::milliseconds kPollMax{60'000};

struct EasyEnd {
  void operator()(CURL* easy) const { curl_easy_cleanup(easy); }
};
struct MultiEnd {
  void operator()(CURLM* multi) const { curl_multi_cleanup(multi); }
};
struct ListEnd {
  void operator()(curl_slist* list) const { curl_slist_free_all(list); }
};

// What the callbacks know.
struct Exchange {
  const HttpSink& sink;
  CURL* easy;
  HttpAnswer answer;
  bool head_told = false;
  bool enough = false;

  void tell_head() {
    if (std::exchange(head_told, true)) return;
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &answer.status);
    sink.head(answer);
  }
};

std::size_t on_header(char* bytes, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const std::string_view line(bytes, size);
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return size;
  std::string name(line.substr(0, colon));
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  });
  std::string_view value = line.substr(colon + 1);
  const auto blank = [](char c) { return c == ' ' || c == '\r' || c == '\n' || c == '\t'; };
  while (!value.empty() && blank(value.front())) value.remove_prefix(1);
  while (!value.empty() && blank(value.back())) value.remove_suffix(1);
  exchange.answer.headers[name] = value;
  return size;
}

std::size_t on_body(char* bytes, std::size_t, std::size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  exchange.tell_head();
  if (exchange.sink.body({bytes, size})) return size;
  exchange.enough = true;
  return 0;  // ends the transfer
}

bool is_loopback(std::string_view url) {
  return url.starts_with("http://127.0.0.1:") || url.starts_with("http://[::1]:") ||
         url.starts_with("http://localhost:");
}

Error error_of(CURLcode code, const std::string& url) {
  const std::string message = url + ": " + curl_easy_strerror(code);
  switch (static_cast<int>(code)) {
    case CURLE_OPERATION_TIMEDOUT: return Error{Code::timed_out, message};
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE: return Error{Code::invalid, message};
    default: return Error{Code::unavailable, message};
  }
}

void set_options(CURL* easy, const HttpRequest& request, curl_slist* headers, Exchange& exchange) {
  curl_easy_setopt(easy, CURLOPT_URL, request.url.c_str());
  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https,http");
  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(easy, CURLOPT_POST, 1L);
  curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  curl_easy_setopt(easy, CURLOPT_POSTFIELDS, request.body.data());
  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
  curl_easy_setopt(easy, CURLOPT_HEADERDATA, &exchange);
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, &exchange);
  if (!request.ca_file.empty()) curl_easy_setopt(easy, CURLOPT_CAINFO, request.ca_file.c_str());
}

// The transfer's own end; nothing while it goes on.
std::optional<CURLcode> ended(CURLM* multi) {
  int left = 0;
  while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
    if (message->msg == CURLMSG_DONE) return message->data.result;
  }
  return std::nullopt;
}

Result<CURLcode> transfer(CURLM* multi, const std::string& url, const std::stop_token& stop,
                          Moment deadline) {
  const std::stop_callback wake(stop, [multi] { curl_multi_wakeup(multi); });
  for (;;) {
    int running = 0;
    if (curl_multi_perform(multi, &running) != CURLM_OK) return CURLE_FAILED_INIT;
    if (auto code = ended(multi)) return *code;
    if (stop.stop_requested()) return Error{Code::timed_out, url + ": stopped"};
    const Moment now = Moment::clock::now();
    if (now >= deadline) return Error{Code::timed_out, url + ": no whole answer in time"};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - now);
    const auto wait = std::min(left + std::chrono::milliseconds(1), kPollMax);
    if (curl_multi_poll(multi, nullptr, 0, static_cast<int>(wait.count()), nullptr) != CURLM_OK) {
      return CURLE_FAILED_INIT;
    }
  }
}

}  // namespace

Result<HttpAnswer> http_post(const HttpRequest& request, const HttpSink& sink,
                             const std::stop_token& stop, Moment deadline) {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  CHECK(ready == CURLE_OK);
  if (!request.url.starts_with("https://") && !is_loopback(request.url)) {
    return Error{Code::invalid, request.url + ": only https:// is spoken, and http:// to loopback"};
  }
  const std::unique_ptr<CURL, EasyEnd> easy(curl_easy_init());
  const std::unique_ptr<CURLM, MultiEnd> multi(curl_multi_init());
  CHECK(easy && multi);
  std::unique_ptr<curl_slist, ListEnd> headers;
  for (const auto& [name, value] : request.headers) {
    if (value.find_first_of("\r\n") != std::string::npos) {
      return Error{Code::invalid, "the header " + name + " has a line break in its value"};
    }
    curl_slist* longer = curl_slist_append(headers.get(), (name + ": " + value).c_str());
    CHECK(longer != nullptr);
    static_cast<void>(headers.release());
    headers.reset(longer);
  }
  Exchange exchange{sink, easy.get(), {}};
  set_options(easy.get(), request, headers.get(), exchange);
  CHECK(curl_multi_add_handle(multi.get(), easy.get()) == CURLM_OK);
  auto code = transfer(multi.get(), request.url, stop, deadline);
  curl_multi_remove_handle(multi.get(), easy.get());
  if (!code) return std::move(code).error();
  if (*code != CURLE_OK && !exchange.enough) return error_of(*code, request.url);
  exchange.tell_head();
  return std::move(exchange.answer);
}

}  // namespace outboard::harness
