#include "program/metrics/exporter.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>

namespace outboard::program {
namespace {

// What GET /metrics answers.
std::string scrape(const std::string& address) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int port = std::stoi(address.substr(address.rfind(':') + 1));
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) return "";
  const std::string question = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_GT(::write(fd, question.data(), question.size()), 0);
  std::string answer;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(fd, part.data(), part.size())) > 0;) {
    answer.append(part.data(), static_cast<std::size_t>(got));
  }
  ::close(fd);
  return answer;
}

TEST(Exporter, EachScrapeAsksAnew) {
  Counter counter;
  Spread spread(1);
  spread.observe(3);
  auto exporter =
      Exporter::start("0", {[&](Figures& to) {
                        to.count("a_total", "A.", counter.value(), {{"code", "conflict"}});
                        to.spread("b", "B.", spread);
                      }});
  ASSERT_TRUE(exporter) << exporter.error().message;
  EXPECT_EQ((*exporter)->address().rfind("127.0.0.1:", 0), 0U);
  EXPECT_NE(scrape((*exporter)->address()).find("a_total{code=\"conflict\"} 0"), std::string::npos);
  counter.add(7);
  const std::string said = scrape((*exporter)->address());
  EXPECT_NE(said.find("a_total{code=\"conflict\"} 7"), std::string::npos) << said;
  EXPECT_NE(said.find("b_bucket{le=\"4\"} 1"), std::string::npos) << said;
  EXPECT_NE(said.find("b_count 1"), std::string::npos) << said;
}

TEST(Exporter, WhatCannotBeIsRefusedInWords) {
  const auto nonsense = Exporter::start("127.0.0.1:http", {});
  ASSERT_FALSE(nonsense);
  EXPECT_EQ(nonsense.error().code, Code::invalid);
  const auto first = Exporter::start("0", {});
  ASSERT_TRUE(first);
  const auto second = Exporter::start((*first)->address(), {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Code::unavailable);
}

}  // namespace
}  // namespace outboard::program
