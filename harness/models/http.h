// One HTTPS request with a streamed answer. The only room with libcurl, and http.cpp its only file.
//
// Credentials are in the headers and are never logged, nor sent on a redirect: none is followed.
// Plain http is for loopback only. Any thread.
#pragma once

#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/clock.h"
#include "core/result.h"

namespace outboard::harness {

struct HttpRequest {
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  std::string ca_file;  // PEM; empty: the system's
};

struct HttpAnswer {
  long status = 0;
  std::map<std::string, std::string> headers;  // names in lower case
};

// Takes the answer's head once, before its body; then the body in parts. False: enough.
struct HttpSink {
  std::function<void(const HttpAnswer&)> head;
  std::function<bool(std::string_view)> body;
};

// POSTs. An answer of any status is a success here. unavailable: no connection, or it broke;
// timed_out: the deadline, or a requested stop; invalid: the URL, or a certificate not trusted.
Result<HttpAnswer> http_post(const HttpRequest& request, const HttpSink& sink,
                             const std::stop_token& stop, Moment deadline);

}  // namespace outboard::harness
