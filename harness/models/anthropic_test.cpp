#include "harness/models/anthropic.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "harness/models/event_stream.h"

namespace outboard::harness {
namespace {

using nlohmann::json;

struct Heard final : AnswerSink {
  std::string text;
  std::string calls;
  void on_text(std::string_view delta) override { text.append(delta).append("|"); }
  void on_call(std::uint32_t index, std::string_view tool) override {
    calls.append(std::to_string(index)).append(tool);
  }
  void on_call_input(std::uint32_t, std::string_view part) override { calls.append(part); }
};

constexpr const char* kStream =
    R"(event: message_start
data: {"type":"message_start","message":{"id":"msg_1","role":"assistant","content":[],
data: "usage":{"input_tokens":25,"cache_read_input_tokens":7,"cache_creation_input_tokens":3,
data: "output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Okay, "}}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"I lóok."}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: content_block_start
data: {"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"toolu_1",
data: "name":"bash","input":{}}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",
data: "partial_json":"{\"command\": \"l"}}

event: content_block_delta
data: {"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta",
data: "partial_json":"s\"}"}}

event: content_block_stop
data: {"type":"content_block_stop","index":1}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"tool_use","stop_sequence":null},
data: "usage":{"output_tokens":89}}

event: message_stop
data: {"type":"message_stop"}

)";

Answer expected() {
  return {"Okay, I lóok.",
          {{"toolu_1", "bash", R"({"command": "ls"})"}},
          StopReason::tool_use,
          Usage{25, 89, 7, 3}};
}

Prompt prompt() {
  return {"claude-test",
          "Be kind.",
          R"([{"name":"bash","description":"d","input_schema":{"type":"object"}}])",
          {{Role::user, {TextBlock{"hi"}}},
           {Role::assistant, {TextBlock{"I look."}, ToolUseBlock{"t1", "bash", R"({"a":1})"}}},
           {Role::user, {ToolResultBlock{"t1", "nope", true}, TextBlock{"and?"}}}}};
}

// ── The stream ──

TEST(EventStream, TakesEventsHoweverTheyAreCut) {
  const std::string bytes =
      "event: a\r\ndata: 1\r\ndata: 2\r\n\r\n: comment\n\ndata:3\n\nevent: x\n\n";
  for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
    EventStream stream;
    std::string heard;
    for (std::size_t at = 0; at < bytes.size(); at += cut) {
      EXPECT_TRUE(stream.feed(std::string_view(bytes).substr(at, cut),
                              [&](std::string_view event, std::string_view data) {
                                heard.append(event).append("=").append(data).append(";");
                              }));
    }
    EXPECT_EQ(heard, "a=1\n2;=3;");
  }
}

TEST(EventStream, AnEndlessEventIsNotKept) {
  EventStream stream;
  EXPECT_FALSE(stream.feed("data: " + std::string(2U << 20U, 'x'), [](auto, auto) {}));
}

Result<Answer> read(std::string_view stream, Heard& heard, std::size_t cut = 7) {
  MessagesReader reader(heard);
  EventStream events;
  for (std::size_t at = 0; at < stream.size(); at += cut) {
    events.feed(stream.substr(at, cut),
                [&](std::string_view event, std::string_view data) { reader.take(event, data); });
  }
  return reader.finish();
}

TEST(Messages, AnAnswerIsPutTogetherAsItComes) {
  Heard heard;
  const auto answer = read(kStream, heard);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, expected());
  EXPECT_EQ(heard.text, "Okay, |I lóok.|");
  EXPECT_EQ(heard.calls, R"(0bash{"command": "ls"})");
}

TEST(Messages, AStreamThatEndsInTheMiddleIsNoAnswer) {
  const std::string_view whole(kStream);
  for (std::size_t size = 0; size < whole.size() - 40; size += 50) {
    Heard heard;
    EXPECT_EQ(read(whole.substr(0, size), heard).error().code, Code::unavailable);
  }
}

TEST(Messages, AnErrorInTheStreamSaysWhetherItMayPass) {
  Heard heard;
  const auto overloaded = read(
      "event: error\ndata: "
      R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})"
      "\n\n",
      heard);
  EXPECT_EQ(overloaded.error().code, Code::unavailable);
  const auto damaged = read("data: {\n\n", heard);
  EXPECT_EQ(damaged.error().code, Code::unavailable);
}

// ── The request ──

TEST(Messages, TheRequestSaysWhatThePromptSays) {
  const auto body = messages_request(prompt(), 100);
  ASSERT_TRUE(body);
  const json request = json::parse(*body);
  EXPECT_EQ(request["model"], "claude-test");
  EXPECT_EQ(request["stream"], true);
  EXPECT_EQ(request["system"][0]["cache_control"]["type"], "ephemeral");
  EXPECT_EQ(request["tools"][0]["name"], "bash");
  EXPECT_EQ(request["messages"][1]["content"][1]["input"]["a"], 1);
  const json& last = request["messages"][2]["content"];
  EXPECT_EQ(last[0]["tool_use_id"], "t1");
  EXPECT_EQ(last[0]["is_error"], true);
  EXPECT_TRUE(last[1].contains("cache_control"));
}

TEST(Messages, RefusalsKeepTheProvidersReasonAndAdvice) {
  const HttpAnswer busy{429, {{"retry-after", "7"}}};
  const auto error = refused_request(
      busy, R"({"type":"error","error":{"type":"rate_limit_error","message":"slow down"}})");
  EXPECT_EQ(error.code, Code::unavailable);
  EXPECT_EQ(error.retry_after_ms, 7'000U);
  EXPECT_NE(error.message.find("slow down"), std::string::npos);
  EXPECT_EQ(refused_request({529, {}}, "<html>").code, Code::unavailable);
  EXPECT_EQ(refused_request({401, {}}, "").code, Code::unauthenticated);
  EXPECT_EQ(refused_request({400, {}}, R"({"error":{"type":"invalid_request_error"}})").code,
            Code::invalid);
}

// ── Over HTTP, to a server of one connection ──

class OneAnswer {
 public:
  explicit OneAnswer(std::string answer, bool hang = false) : hang_(hang) {
    listen_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(listen_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(listen_, 1), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(listen_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    url_ = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, answer = std::move(answer)] { serve(answer); });
  }
  ~OneAnswer() {
    thread_.join();
    ::close(listen_);
  }
  const std::string& url() const { return url_; }
  const std::string& request() const { return request_; }
  std::stop_source heard;  // stopped when the request has come

 private:
  void serve(const std::string& answer) {
    const int peer = ::accept(listen_, nullptr, nullptr);
    std::string bytes(65'536, '\0');
    // The request ends where its JSON does.
    while (request_.find("\r\n\r\n") == std::string::npos || request_.back() != '}') {
      const ssize_t got = ::recv(peer, bytes.data(), bytes.size(), 0);
      if (got <= 0) break;
      request_.append(bytes, 0, static_cast<std::size_t>(got));
    }
    heard.request_stop();
    ::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
    if (hang_) ::recv(peer, bytes.data(), bytes.size(), 0);  // until the client goes
    ::close(peer);
  }

  const bool hang_;
  int listen_ = -1;
  std::string url_;
  std::string request_;
  std::thread thread_;
};

AnthropicModel model_at(const std::string& url) {
  return AnthropicModel({url, [] { return std::string("key-123"); }, 100, ""});
}

Moment in_ten_seconds() {
  return Moment::clock::now() + std::chrono::seconds(10);
}

TEST(Anthropic, AnAnswerComesOverHttp) {
  OneAnswer server(std::string("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                               "Connection: close\r\n\r\n") +
                   kStream);
  Heard heard;
  const auto answer = model_at(server.url()).ask(prompt(), heard, {}, in_ten_seconds());
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(*answer, expected());
  EXPECT_NE(server.request().find("POST /v1/messages HTTP/1.1"), std::string::npos);
  EXPECT_NE(server.request().find("x-api-key: key-123"), std::string::npos);
}

TEST(Anthropic, ABusyProviderIsAskedLater) {
  OneAnswer server(
      "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 3\r\nConnection: close\r\n\r\n"
      R"({"type":"error","error":{"type":"rate_limit_error","message":"slow down"}})");
  Heard heard;
  const auto answer = model_at(server.url()).ask(prompt(), heard, {}, in_ten_seconds());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::unavailable);
  EXPECT_EQ(answer.error().retry_after_ms, 3'000U);
  EXPECT_EQ(answer.error().message.find("key-123"), std::string::npos);
}

TEST(Anthropic, ARequestedStopEndsASilentAnswer) {
  OneAnswer server("HTTP/1.1 200 OK\r\n\r\n", true);
  Heard heard;
  const auto answer =
      model_at(server.url()).ask(prompt(), heard, server.heard.get_token(), in_ten_seconds());
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, Code::timed_out);
}

TEST(Anthropic, NobodyThereMayPassAndPlainHttpAbroadIsRefused) {
  Heard heard;
  EXPECT_EQ(model_at("http://127.0.0.1:1").ask(prompt(), heard, {}, in_ten_seconds()).error().code,
            Code::unavailable);
  EXPECT_EQ(model_at("http://example.org").ask(prompt(), heard, {}, in_ten_seconds()).error().code,
            Code::invalid);
}

TEST(Anthropic, AKeyThatIsNotThereIsSaid) {
  const auto key = read_model_key("/no/such/file");
  ASSERT_FALSE(key);
  EXPECT_EQ(key.error().code, Code::unauthenticated);
}

}  // namespace
}  // namespace outboard::harness
